"""The state of the knowledge in figures, for ``eco2 knowledge check``."""

from __future__ import annotations

from dataclasses import dataclass

from streaming.knowledge.knowledge import Knowledge


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Counts, and what is known to be incomplete without being wrong."""

    majors: int
    middles: int
    """Middles of 재활용폐기물; the other majors repeat their own name."""
    entries: int
    """Entries of the public item list, repeats included."""
    minors: int
    words: int
    """Keys under which user text is looked up."""
    tags: int
    documents: int
    refused_items: int
    municipalities: int
    prompts: tuple[str, ...]
    """Their versions."""
    entries_without_rule: tuple[str, ...]
    several_meanings: tuple[str, ...]
    """Listed names that stand for things of several classes; questions get candidates."""
    without_effective_date: tuple[str, ...]
    sources_without_url: tuple[str, ...]


def report(knowledge: Knowledge) -> Report:
    """Look at everything once."""
    taxonomy = knowledge.taxonomy
    entries = taxonomy.entries()
    documents = knowledge.documents.values()
    return Report(
        majors=len(taxonomy.majors),
        middles=sum(len(major.middles) for major in taxonomy.majors),
        entries=len(entries),
        minors=sum(len(middle.minors) for major in taxonomy.majors for middle in major.classes),
        words=knowledge.words,
        tags=len(knowledge.tags.names),
        documents=len(documents),
        refused_items=sum(len(document.not_accepted) for document in documents),
        municipalities=len(knowledge.municipalities),
        prompts=tuple(prompt.version for prompt in knowledge.prompts.values()),
        entries_without_rule=tuple(
            f"{major}/{middle}/{entry}"
            for major, middle, entry in entries
            if knowledge.rule_for(major, middle) is None
        ),
        several_meanings=tuple(
            dict.fromkeys(
                entry for _, _, entry in entries if len(knowledge.match(entry).candidates) > 1
            )
        ),
        without_effective_date=tuple(
            document.id for document in documents if document.effective_date is None
        ),
        sources_without_url=tuple(
            dict.fromkeys(
                f"{document.source.publisher} {document.source.name}"
                for document in documents
                if document.source.url is None
            )
        ),
    )
