"""Counting what is right."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field

from streaming.chat.compound import questions
from streaming.chat.intent import Classified
from streaming.chat.retrieval import Search
from streaming.chat.turn import Past
from tests.eval.chat.cases import Case

Ask = Callable[[str, Sequence[Past]], Awaitable[Sequence[Classified]]]
"""A classifier of whole messages: the message and what came before it."""


@dataclass(slots=True)
class Tally:
    """Right and all, by category, with what went wrong."""

    right: dict[str, int] = field(default_factory=dict)
    all: dict[str, int] = field(default_factory=dict)
    missed: list[str] = field(default_factory=list)

    def add(self, category: str, right: bool, miss: str) -> None:
        """Count one case."""
        self.all[category] = self.all.get(category, 0) + 1
        self.right[category] = self.right.get(category, 0) + right
        if not right:
            self.missed.append(miss)

    @property
    def share(self) -> float:
        """Share of right ones, 0–1."""
        return sum(self.right.values()) / max(1, sum(self.all.values()))

    def lines(self) -> Iterable[str]:
        """The tally as a table."""
        for category, count in sorted(self.all.items()):
            yield f"  {category:<18} {self.right[category]:>3} of {count:>3}"
        total, right = sum(self.all.values()), sum(self.right.values())
        yield f"  {'all':<18} {right:>3} of {total:>3}  {self.share:.1%}"


async def offline(message: str, history: Sequence[Past]) -> Sequence[Classified]:
    """The classifier that needs no model."""
    return questions(message, history=history)


async def intents(cases: Iterable[Case], ask: Ask = offline) -> Tally:
    """How often a classifier finds the intents."""
    tally = Tally()
    for case in cases:
        found = {question.intent for question in await ask(case.question, case.history)}
        said = "+".join(sorted(found))
        wanted = ("/" if case.any else "+").join(case.intents)
        miss = f"{case.question}  → {said}, not {wanted}"
        tally.add(case.category, case.is_met_by(found), miss)
    return tally


def retrieval(cases: Iterable[Case], search: Search, *, within: int = 3) -> Tally:
    """How often a right rule document is among the first ``within``."""
    tally = Tally()
    for case in cases:
        if not case.rule:
            continue
        hits = search.find(case.question, tuple(reversed(case.before))).hits[:within]
        ids = [hit.document.id for hit in hits]
        right = not set(ids).isdisjoint(case.rule)
        tally.add(case.rule[0], right, f"{case.question}  → {ids}")
    return tally
