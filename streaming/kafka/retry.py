"""What becomes of a record whose handling failed: a pure decision.

| Failure of attempt n        | schedule has an n-th delay          | schedule used up |
|-----------------------------|-------------------------------------|------------------|
| `Retryable`, other exception| wait, try again (topic or in place) | dead: exhausted  |
| `Poison`                    | dead: poison                        | dead: poison     |
| next attempt past deadline  | dead: deadline                      | dead: exhausted  |
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from streaming.kafka import headers

DEADLINE_EXCEEDED: Final = "DEADLINE_EXCEEDED"
"""Reason given when a record's deadline passed before it was done."""

JITTER: Final = 0.2
"""Share of a delay that is added at random, so that records that failed together in an outage do
not come back together."""


class Retryable(Exception):  # noqa: N818 - it asks for something rather than reporting an error
    """Raised by a handler: the attempt failed, another one later may work.

    `reason` is a word or short text that may be shown (no secrets); `delay_seconds` asks for at
    least that much time before the next attempt, such as a provider's ``Retry-After``.
    """

    def __init__(self, reason: str = "RETRYABLE", *, delay_seconds: float | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.delay_seconds = delay_seconds


class Poison(Exception):  # noqa: N818
    """Raised by a handler: no attempt will ever work; `reason` as in :class:`Retryable`."""

    def __init__(self, reason: str = "POISON") -> None:
        super().__init__(reason)
        self.reason = reason


class Death(StrEnum):
    """How a record became a dead letter."""

    EXHAUSTED = "exhausted"
    """Every attempt failed."""
    POISON = "poison"
    """Its handler said that no attempt can work."""
    DEADLINE = "deadline"
    """Its deadline passed first."""
    UNDECODABLE = "undecodable"
    """Its bytes are not the message the topic carries."""


@dataclass(frozen=True, slots=True)
class Again:
    """Try again after `delay_seconds`; `step` is the number of failures so far."""

    step: int
    delay_seconds: float
    reason: str


@dataclass(frozen=True, slots=True)
class Dead:
    """Give up."""

    death: Death
    reason: str


def reason_of(error: BaseException) -> str:
    """Showable reason of a failure: the handler's own word, or the exception's type name. The text
    of other exceptions is left out, it may quote a credential or a user's words.
    """
    if isinstance(error, Retryable | Poison):
        return headers.reason_text(error.reason)
    return type(error).__name__


def decide(
    error: BaseException,
    *,
    attempt: int,
    schedule: Sequence[float],
    deadline: float | None,
    now: float,
    jitter: float,
) -> Again | Dead:
    """What follows the failure of attempt `attempt` (from 1).

    `now` and `deadline` are Unix times in seconds, `jitter` a random number in [0, 1).
    """
    reason = reason_of(error)
    if isinstance(error, Poison):
        return Dead(Death.POISON, reason)
    if attempt > len(schedule):
        return Dead(Death.EXHAUSTED, reason)
    delay = schedule[attempt - 1] * (1 + JITTER * jitter)
    if isinstance(error, Retryable) and error.delay_seconds is not None:
        delay = max(delay, error.delay_seconds)
    if deadline is not None and now + delay >= deadline:
        return Dead(Death.DEADLINE, DEADLINE_EXCEEDED)
    return Again(attempt, delay, reason)
