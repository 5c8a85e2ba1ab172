"""The stages of a job, their order and how far along each one is.

One table a domain, and nothing else in the project repeats these numbers. The index gives an event
its place (`seq` grows by ten a stage), the two percentages are what the app may draw when the stage
starts and when it completes; None means that the event carries no percentage.

`seq` never falls within a job, and `done` has a number of its own (docs/app.md, "Event streams").
So a stage whose index lies behind `done` although it comes before it is numbered where it comes.
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
"""Index of a stage the contract gives no place (a branch added by a graph, for one)."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage's place in its domain and the percentage at its start and its end."""

    index: int
    """Its number in the contract."""
    started: int | None
    completed: int | None
    first_seq: int | None = None
    """Lowest `seq` of its start, where that does not follow from the index."""


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
    "intent": Stage(1, 5, 15),
    "vision": Stage(2, 15, 20),
    # the branches run in parallel, each only when the intent needs it
    "waste_rag": Stage(3, 20, 55),
    "character": Stage(4, 20, 55),
    "location": Stage(5, 20, 55),
    "kakao_place": Stage(6, 20, 55),
    "bulk_waste": Stage(7, 20, 55),
    "weather": Stage(8, 20, 55),
    "recyclable_price": Stage(9, 20, 55),
    "collection_point": Stage(10, 20, 55),
    "web_search": Stage(11, 20, 55),
    "image_generation": Stage(12, 20, 55),
    "general": Stage(13, 20, 55),
    "aggregator": Stage(14, 55, 65),
    "feedback": Stage(15, 65, 65),
    "answer": Stage(16, 75, 90),
    "eval": Stage(17, 90, 98),
    DONE: Stage(18, 100, 100),
    # after the branches, whose question it is; the turn goes on from there
    "needs_input": Stage(19, None, None, first_seq=132),
    # only when the chat has become too long; between `feedback` and `answer`
    "summarize": Stage(UNKNOWN_INDEX, 65, 75, first_seq=152),
}
"""Percentages make a bar that only grows, also while branches run side by side."""

STAGES: Final[Mapping[str, Mapping[str, Stage]]] = {"scan": SCAN, "chat": CHAT}

STORES_SCAN: Final = "reward"
"""The stage that stores a scan's result. Its completion is told after that, so whoever learns of
the result first has to tell it as well."""

_UNKNOWN: Final = Stage(UNKNOWN_INDEX, None, None, first_seq=0)


def stage(domain: str, name: str) -> Stage:
    """The table's row for `name`; a stage outside the table takes the job's next number and has no
    percentage.
    """
    return STAGES[domain].get(name, _UNKNOWN)


def lowest_seq(domain: str, name: str, status: str) -> int:
    """The smallest `seq` an event of this stage and status may get."""
    row = stage(domain, name)
    first = row.index * 10 if row.first_seq is None else row.first_seq
    return first + (1 if status == COMPLETED else 0)


def percentage(domain: str, name: str, status: str) -> int | None:
    """What the app may draw for this stage and status, 0–100, or None."""
    row = stage(domain, name)
    return row.completed if status == COMPLETED else row.started


def is_terminal(name: str, status: str) -> bool:
    """Whether an event ends its job's stream: `done`, or any stage that failed."""
    return status == FAILED or name == DONE
