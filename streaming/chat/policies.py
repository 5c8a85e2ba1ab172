"""How long a branch may take, how often it is tried, and what its failure means.

As a table, with what each branch rests on: docs/chat.md, "The branches".

How the services that branches ask over HTTP are called: :mod:`streaming.chat.external.policies`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class FailMode(StrEnum):
    """What a turn does when a branch has failed for good, or is held off by its breaker."""

    OPEN = "open"
    """Goes on without it where it only enriches; where it answers the question, as ``fallback``."""
    FALLBACK = "fallback"
    """Goes on with what :meth:`~streaming.chat.branch.Branch.unavailable` says."""
    CLOSE = "close"
    """Fails: there is no answer without it."""


@dataclass(frozen=True, slots=True)
class Policy:
    """The policy of one branch."""

    timeout_seconds: float
    """Of one try."""
    retries: int
    """Further tries after the first."""
    breaker_failures: int
    """Failures in a row that open the breaker."""
    fail: FailMode


BREAKER_SECONDS: Final = 30.0
"""How long an open breaker holds a branch off before one try is let through."""

RETRY_PAUSE_SECONDS: Final = 0.2
"""Longest pause before the first further try, drawn at random from 0; doubled for each one."""

ENRICHMENT_SECONDS: Final = 12.0
"""Longest that a branch which only enriches may keep an answer waiting, all its tries together."""

_FALLBACK, _OPEN, _CLOSE = FailMode.FALLBACK, FailMode.OPEN, FailMode.CLOSE

POLICIES: Final[Mapping[str, Policy]] = {
    "waste_rag": Policy(1.0, 1, 5, _FALLBACK),
    "bulk_waste": Policy(10.0, 2, 5, _FALLBACK),
    "location": Policy(3.0, 2, 5, _FALLBACK),
    "kakao_place": Policy(3.0, 1, 5, _OPEN),
    "collection_point": Policy(10.0, 2, 5, _FALLBACK),
    "character": Policy(3.0, 1, 3, _OPEN),
    "weather": Policy(5.0, 1, 3, _OPEN),
    "web_search": Policy(10.0, 2, 5, _FALLBACK),
    "recyclable_price": Policy(10.0, 2, 5, _FALLBACK),
    "image_generation": Policy(30.0, 1, 3, _OPEN),
    "general": Policy(30.0, 2, 3, _CLOSE),
}
"""By stage name. The wall time of a branch is at most `timeout × (retries + 1)` and two pauses."""


def policy_of(name: str) -> Policy:
    """The policy of a branch; one that is not in the table only enriches."""
    return POLICIES.get(name, Policy(3.0, 0, 3, _OPEN))
