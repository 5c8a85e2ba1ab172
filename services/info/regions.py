"""What a municipality does otherwise than the national guide, in sentences. Pure.

Only municipalities whose own rules were written down are known
(``streaming/knowledge/data/municipalities``). Of any other it is not known whether it differs, so
it is answered with "not found" rather than with an empty list, which would say that it does not.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from streaming.knowledge import Knowledge, RuleDocument
from streaming.knowledge.models import Municipality, RuleChange


@dataclass(frozen=True, slots=True)
class Difference:
    """What changes in one rule document."""

    document_id: str
    title: str
    sentences: tuple[str, ...]


class Regions:
    """Municipalities by every label they are known under."""

    def __init__(self, knowledge: Knowledge) -> None:
        self._knowledge = knowledge
        self._by_label = {
            knowledge.fold(label): local
            for local in knowledge.municipalities.values()
            for label in (local.code, local.name, *local.aliases)
        }

    def find(self, label: str) -> Municipality | None:
        """The municipality of a name, alias or district code; None when it is not known."""
        return self._by_label.get(self._knowledge.fold(label))

    def differences(self, local: Municipality) -> tuple[Difference, ...]:
        """What it changes, document by document."""
        return tuple(
            Difference(name, document.title, tuple(_sentences(document, change)))
            for name, change in local.rules.items()
            for document in (self._knowledge.documents[name],)
        )


def _sentences(document: RuleDocument, change: RuleChange) -> Iterator[str]:
    steps = change.common_steps
    if steps.replace is not None:
        yield from (f"기본 배출방법을 대신해요: {step}" for step in steps.replace)
    yield from steps.prepend
    yield from steps.append
    for case in change.cases:
        yield from (f"{case.name}: {step}" for step in case.steps)
    for name in change.remove_cases:
        yield f"전국 기준의 '{name}' 안내는 적용하지 않아요."
    for entry in change.not_accepted:
        yield f"{document.title}에서 받지 않아요: {entry.item} ({entry.where})"
    for name in change.remove_not_accepted:
        yield f"{document.title}에서 받아요: {name}"
