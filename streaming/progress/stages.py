"""The stages of a job, their order and how far along each one is.

One table a domain, and nothing else in the project repeats these numbers. The index gives an event
its place (`seq` grows by ten a stage), the two percentages are what the app may draw when the stage
starts and when it completes; None means that the event carries no percentage.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

Domain = Literal["scan", "chat"]

STARTED: Final = "started"
COMPLETED: Final = "completed"
FAILED: Final = "failed"
WAITING: Final = "waiting"

DONE: Final = "done"
TOKEN: Final = "token"  # noqa: S105 - a piece of text, no credential
STREAMING: Final = "streaming"

RECOVERY: Final = "token_recovery"
"""The text so far in one piece: what a client that joins late gets instead of tokens, and what a
worker publishes that words an answer anew, in place of all it has published before."""
SNAPSHOT: Final = "snapshot"

TEXT: Final = frozenset({TOKEN, RECOVERY})
"""Stages that carry the answer's text; numbered apart from progress."""

FIRST_TOKEN_SEQ: Final = 1001
"""Tokens are numbered apart from progress, from here on."""

UNKNOWN_INDEX: Final = 99
"""Index of a stage that is not in its domain's table (a branch added by a graph, for one)."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage's place in its domain and the percentage at its start and its end."""

    index: int
    started: int | None
    completed: int | None


SCAN: Final[Mapping[str, Stage]] = {
    "queued": Stage(0, 0, 0),
    "vision": Stage(1, 0, 25),
    "rule": Stage(2, 25, 50),
    "answer": Stage(3, 50, 75),
    "reward": Stage(4, 75, 100),
    DONE: Stage(5, None, None),
}

CHAT: Final[Mapping[str, Stage]] = {
    "queued": Stage(0, 0, 0),
    "intent": Stage(1, 5, 10),
    "vision": Stage(2, 10, 20),
    # the branches run in parallel, each only when the intent needs it
    "waste_rag": Stage(3, 20, 60),
    "character": Stage(4, 20, 60),
    "location": Stage(5, 20, 60),
    "kakao_place": Stage(6, 20, 60),
    "bulk_waste": Stage(7, 20, 60),
    "weather": Stage(8, 20, 60),
    "recyclable_price": Stage(9, 20, 60),
    "collection_point": Stage(10, 20, 60),
    "web_search": Stage(11, 20, 60),
    "image_generation": Stage(12, 20, 60),
    "general": Stage(13, 20, 60),
    "aggregator": Stage(14, 60, 65),
    "feedback": Stage(15, 65, 70),
    "answer": Stage(16, 70, 95),
    "eval": Stage(17, 95, 99),
    DONE: Stage(18, 100, 100),
    "needs_input": Stage(19, None, None),
}

STAGES: Final[Mapping[str, Mapping[str, Stage]]] = {"scan": SCAN, "chat": CHAT}

_UNKNOWN: Final = Stage(UNKNOWN_INDEX, None, None)


def stage(domain: str, name: str) -> Stage:
    """The table's row for `name`; a stage outside the table sorts last and has no percentage."""
    return STAGES[domain].get(name, _UNKNOWN)


def lowest_seq(domain: str, name: str, status: str) -> int:
    """The smallest `seq` an event of this stage and status may get."""
    return stage(domain, name).index * 10 + (1 if status == COMPLETED else 0)


def percentage(domain: str, name: str, status: str) -> int | None:
    """What the app may draw for this stage and status, 0–100, or None."""
    row = stage(domain, name)
    return row.completed if status == COMPLETED else row.started


def is_terminal(name: str, status: str) -> bool:
    """Whether an event ends its job's stream: `done`, or any stage that failed."""
    return status == FAILED or name == DONE
