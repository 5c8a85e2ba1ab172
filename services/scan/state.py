"""The life of a job. Pure.

::

    queued ──dispatch──► processing ──complete──► completed
      │                      ├────────fail──────► failed
      └── complete, fail, cancel as well          cancelled ◄──cancel──┘

``queued`` is accepted, ``processing`` is acknowledged by Kafka. The first terminal status wins:
whatever comes after it changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class Status(StrEnum):
    """Where a job stands; the words are those of the API and of the database."""

    QUEUED = "queued"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_terminal(self) -> bool:
        """Whether the job has ended."""
        return self not in OPEN


class Event(StrEnum):
    """What can happen to a job."""

    DISPATCH = "dispatch"
    COMPLETE = "complete"
    FAIL = "fail"
    CANCEL = "cancel"


OPEN: Final = (Status.QUEUED, Status.PROCESSING)
"""Not ended yet."""

_OUTCOME: Final[Mapping[Event, Status]] = {
    Event.DISPATCH: Status.PROCESSING,
    Event.COMPLETE: Status.COMPLETED,
    Event.FAIL: Status.FAILED,
    Event.CANCEL: Status.CANCELLED,
}


def sources(event: Event) -> tuple[Status, ...]:
    """The statuses that an event moves a job out of."""
    return (Status.QUEUED,) if event is Event.DISPATCH else OPEN


def after(status: Status, event: Event) -> Status:
    """The status after an event; unchanged where the event has no effect."""
    return _OUTCOME[event] if status in sources(event) else status
