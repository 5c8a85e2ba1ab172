"""Rule documents cut into the sections a citation can point to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from streaming.knowledge import Knowledge, RuleDocument

COVERS: Final = "대상 품목"
"""What a document is about."""
STEPS: Final = "배출방법"
REFUSED: Final = "배출불가 품목"
STATE: Final = "내놓기 전 확인"


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a rule document."""

    document: RuleDocument
    name: str
    """As a user reads it in a citation."""
    text: str
    """Everything in it that a question may share words with."""


def sections_of(knowledge: Knowledge) -> Iterator[Section]:
    """Every section of every national document."""
    for document in knowledge.documents.values():
        covered = " ".join((document.title, document.key, *document.targets, *document.definitions))
        items = " ".join(name for names in document.items.values() for name in names)
        words = " ".join(_everyday_words(knowledge, document))
        yield Section(document, COVERS, f"{covered} {items} {words}")
        if document.common_steps:
            yield Section(document, STEPS, " ".join(document.common_steps))
        for case in document.cases:
            about = " ".join((case.name, *case.minors, *case.about, *case.steps))
            yield Section(document, f"{STEPS}: {case.name}", about)
        for entry in document.not_accepted:
            text = " ".join((entry.item, *entry.words, entry.guidance))
            yield Section(document, f"{REFUSED}: {entry.item}", text)
        if document.lacks:
            yield Section(document, STATE, " ".join(lack.say for lack in document.lacks))


def _everyday_words(knowledge: Knowledge, document: RuleDocument) -> Iterator[str]:
    """What people call the things of the document's class."""
    for major in knowledge.taxonomy.majors:
        for middle in major.classes:
            if knowledge.rule_for(major.name, middle.name) is not document:
                continue
            yield from middle.words
            for minor in middle.minors:
                yield from (minor.name, *minor.variants, *minor.words)
