"""How well the rule documents fit a question, and where else to look (domain.md (i)). Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from streaming.chat.worked import Worked

SUBJECT: Final = "waste_rag"
"""The branch that is judged."""

SEARCH: Final = "web_search"
"""Where else it is looked; after that only the model's own knowledge is left."""


class Level(StrEnum):
    """How good a find is."""

    EXCELLENT = "excellent"
    GOOD = "good"
    PARTIAL = "partial"
    POOR = "poor"
    NONE = "none"


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

    def as_dict(self) -> dict[str, Any]:
        """For the answer's metadata."""
        return {"level": self.level, **({"reason": self.reason} if self.reason else {})}


def level(quality: float) -> Level:
    """The level of a quality from 0 to 1."""
    return next((found for least, found in _FROM if quality >= least), Level.NONE)


def judge(worked: Worked) -> Feedback | None:
    """The judgement of a turn's finds; None when the rule documents were not asked."""
    result = worked.results.get(SUBJECT)
    if result is None:
        return None
    if not result.available:
        return Feedback(Level.NONE, "subagent_failure")
    found = level(result.quality or 0.0)
    if found is Level.NONE:
        return Feedback(found, "rag_no_result")
    return Feedback(found, "rag_low_quality" if found is Level.POOR else "")
