"""Laying a municipality's changes over a national rule document."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from streaming.knowledge.models import Municipality, RuleChange, RuleDocument

T = TypeVar("T")


def missing_targets(
    document: RuleDocument, change: RuleChange, fold: Callable[[str], str]
) -> list[tuple[str, str]]:
    """What a change wants to remove but the document does not have, as (field, name)."""
    cases = {fold(case.name) for case in document.cases}
    items = {fold(entry.item) for entry in document.not_accepted}
    return [("remove_cases", name) for name in change.remove_cases if fold(name) not in cases] + [
        ("remove_not_accepted", name)
        for name in change.remove_not_accepted
        if fold(name) not in items
    ]


def merged(
    document: RuleDocument,
    change: RuleChange,
    municipality: Municipality,
    fold: Callable[[str], str],
) -> RuleDocument:
    """The document as it holds in ``municipality``; what the change does not mention stays."""
    steps = change.common_steps
    base = document.common_steps if steps.replace is None else steps.replace
    return document.model_copy(
        update={
            "common_steps": (*steps.prepend, *base, *steps.append),
            "cases": _overlaid(
                document.cases,
                change.cases,
                map(fold, change.remove_cases),
                lambda case: fold(case.name),
            ),
            "not_accepted": _overlaid(
                document.not_accepted,
                change.not_accepted,
                map(fold, change.remove_not_accepted),
                lambda entry: fold(entry.item),
            ),
            "source": municipality.source,
            "effective_date": municipality.effective_date,
            "effective_date_note": municipality.effective_date_note,
            "municipality": municipality.name,
        }
    )


def _overlaid(
    base: Iterable[T], changes: Iterable[T], removed: Iterable[str], key: Callable[[T], str]
) -> tuple[T, ...]:
    """``base`` without what is removed; same key replaces in place, a new key is appended."""
    entries = {key(entry): entry for entry in base}
    for name in removed:
        entries.pop(name, None)
    entries.update((key(entry), entry) for entry in changes)
    return tuple(entries.values())
