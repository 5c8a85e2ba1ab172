"""What every collector is to the schedule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from streaming.workers.news.article import Found


class CollectingError(Exception):
    """A collection that brought nothing at all; the message says why, without any key."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A part of a source that was left out: a feed, a query."""

    part: str
    """Host and path of a feed, or the query; never a key."""
    reason: str
    """One lower-case word for metrics."""
    detail: str
    """For the log."""


@dataclass(frozen=True, slots=True)
class Haul:
    """What one collection brought."""

    articles: Sequence[Found]
    refusals: Sequence[Refusal] = ()


class Source(Protocol):
    """Collects from one provider."""

    name: str
    """``naver``, ``newsdata`` or ``rss``."""
    every_seconds: float
    run_seconds: float
    """Longest a collection may take."""

    @property
    def configured(self) -> bool:
        """Whether there is something to collect from: a key, a feed."""
        ...

    async def collect(self, now: datetime) -> Haul:
        """Collect. Raises CollectingError when every part failed."""
        ...
