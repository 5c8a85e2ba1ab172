"""How well the rule documents fit a question, and where else to look. Pure.

They come first, a search of the web next, and after it only the model's own knowledge is left.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from streaming.chat.intent import Classified
from streaming.chat.policies import ENRICHMENT_SECONDS
from streaming.chat.routing import OWN, SEARCH
from streaming.chat.worked import Worked

SUBJECT: Final = "waste_rag"
"""The branch that is judged."""


class Level(StrEnum):
    """How good a find is."""

    EXCELLENT = "excellent"
    GOOD = "good"
    PARTIAL = "partial"
    POOR = "poor"
    NONE = "none"


TELLING: Final = frozenset({Level.EXCELLENT, Level.GOOD, Level.PARTIAL})
"""What is good enough to be told; below it, it is looked elsewhere."""

LEAST_SECONDS: Final = 3.0
"""A search that is given less finds nothing."""
RESERVED_SECONDS: Final = 40.0
"""What a turn needs after it: most replies are worded, graded and stored in half of it."""

_FROM: Final = (
    (0.9, Level.EXCELLENT),
    (0.7, Level.GOOD),
    (0.4, Level.PARTIAL),
    (0.2, Level.POOR),
)


@dataclass(frozen=True, slots=True)
class Feedback:
    """The judgement."""

    level: Level
    reason: str = ""
    """Why it is looked elsewhere: ``rag_no_result``, ``rag_low_quality`` or ``subagent_failure``;
    empty when it is not."""
    fallback: str = ""
    """What was found there was found by: ``web_search``; empty when nothing was."""

    def as_dict(self) -> dict[str, Any]:
        """For the answer's metadata."""
        told = {"level": self.level, "reason": self.reason, "fallback": self.fallback}
        return {name: value for name, value in told.items() if value}


def level(quality: float) -> Level:
    """The level of a quality from 0 to 1."""
    return next((found for least, found in _FROM if quality >= least), Level.NONE)


def judge(worked: Worked) -> Feedback | None:
    """The judgement of a turn's finds; None when the rule documents were not asked."""
    result = worked.results.get(SUBJECT)
    if result is None:
        return None
    found = level(result.quality or 0.0)
    if not result.available:
        found, reason = Level.NONE, "subagent_failure"
    elif found in TELLING:
        return Feedback(found)
    else:
        reason = "rag_no_result" if found is Level.NONE else "rag_low_quality"
    searched = worked.results.get(SEARCH)
    there = searched is not None and searched.available and searched.context
    return Feedback(found, reason, SEARCH if there else "")


def elsewhere(
    worked: Worked, *, connected: bool, seconds_left: float
) -> tuple[Classified, float] | None:
    """What to search the web for because the rule documents have nothing that fits, and for how
    many seconds: the user waits for it when all branches are done.

    None when it is not searched: they fit, it was searched already, no tool searches (`connected`),
    or the turn's time would not last for an answer.
    """
    judged = judge(worked)
    if judged is None or not judged.reason or SEARCH in worked.results or not connected:
        return None
    seconds = min(ENRICHMENT_SECONDS, seconds_left - RESERVED_SECONDS)
    if seconds < LEAST_SECONDS:
        return None
    asked = (q for q in worked.questions if SUBJECT in OWN[q.intent])
    question = next(asked, None)
    return None if question is None else (question, seconds)
