"""The life of a turn. Pure.

::

    accepted ──park──► waiting
        ▲ └──complete, fail, cancel──►─┐ │
        └──────────resume──────────────┼─┤
                                       ▼ ▼
                       completed, failed, cancelled

``accepted`` is with the worker, ``waiting`` with the user. The first terminal status wins: whatever
comes after it changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class Status(StrEnum):
    """Where a turn stands; the words are those of the API and of the database."""

    ACCEPTED = "accepted"
    WAITING = "waiting"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_terminal(self) -> bool:
        """Whether the turn has ended."""
        return self not in OPEN


class Event(StrEnum):
    """What can happen to a turn."""

    PARK = "park"
    RESUME = "resume"
    COMPLETE = "complete"
    FAIL = "fail"
    CANCEL = "cancel"


OPEN: Final = (Status.ACCEPTED, Status.WAITING)
"""Not ended yet."""

_EDGES: Final[Mapping[Event, tuple[tuple[Status, ...], Status]]] = {
    Event.PARK: ((Status.ACCEPTED,), Status.WAITING),
    Event.RESUME: ((Status.WAITING,), Status.ACCEPTED),
    Event.COMPLETE: (OPEN, Status.COMPLETED),
    Event.FAIL: (OPEN, Status.FAILED),
    Event.CANCEL: (OPEN, Status.CANCELLED),
}


def sources(event: Event) -> tuple[Status, ...]:
    """The statuses that an event moves a turn out of."""
    return _EDGES[event][0]


def after(status: Status, event: Event) -> Status:
    """The status after an event; unchanged where the event has no effect."""
    return _EDGES[event][1] if status in sources(event) else status
