"""Where a stream goes on: what a client has seen, and which of a job's events it still needs.

An event's id is its place in the job's stream. Text comes as tokens, and a client that joins late
gets those so far as one ``token_recovery`` (contract §5.3), whose id is ``recovery:<seq>``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from streaming.progress.event import START, StoredEvent, StreamId

RECOVERY: Final = "token_recovery"
SNAPSHOT: Final = "snapshot"
_RECOVERY_PREFIX: Final = "recovery:"


@dataclass(frozen=True, slots=True)
class Resume:
    """What a client says it has seen."""

    after: StreamId = START
    """The last event; the very beginning when nothing was seen."""
    recovered: int | None = None
    """`seq` of the last token of the ``token_recovery`` that was the last event seen."""
    tokens: int | None = None
    """`seq` of the last token seen, when only that is known."""

    @property
    def from_start(self) -> bool:
        """Whether the client has seen nothing."""
        return self.after == START and self.recovered is None and self.tokens is None


def parse(last_event_id: str, last_token_seq: str = "") -> Resume:
    """Read the header ``Last-Event-ID`` and the parameter ``last_token_seq``.

    What can't be read counts as not sent: the client then gets everything again.
    """
    last_event_id = last_event_id.strip()
    if last_event_id.startswith(_RECOVERY_PREFIX):
        seq = _number(last_event_id.removeprefix(_RECOVERY_PREFIX))
        if seq is not None:
            return Resume(recovered=seq)
    else:
        try:
            return Resume(after=StreamId.parse(last_event_id))
        except ValueError:
            pass
    return Resume(tokens=_number(last_token_seq))


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else None


def event_id(event: StoredEvent) -> str:
    """The id a client gets with an event, and resumes after."""
    return f"{_RECOVERY_PREFIX}{event.seq}" if event.stage == RECOVERY else str(event.id)


def remaining(events: Sequence[StoredEvent], resume: Resume) -> list[StoredEvent]:
    """What a client that resumes so still needs of `events`, the job's history after
    ``resume.after``.
    """
    if resume.after != START:
        return list(events)
    if resume.recovered is not None:
        for place, event in enumerate(events):
            if event.is_token and event.seq == resume.recovered:
                return list(events[place + 1 :])
    seen = resume.recovered if resume.recovered is not None else resume.tokens
    if seen is not None:
        return [event for event in events if not event.is_token or event.seq > seen]
    return _with_snapshot(events)


def _with_snapshot(events: Sequence[StoredEvent]) -> list[StoredEvent]:
    """The events with one snapshot at the place of the last token instead of all tokens.

    A job that has ended needs none: its last event carries the whole answer.
    """
    tokens = [event for event in events if event.is_token]
    if not tokens:
        return list(events)
    last = tokens[-1]
    snapshot = last._replace(
        stage=RECOVERY,
        status=SNAPSHOT,
        content="".join(token.content or "" for token in tokens),
    )
    ended = any(event.is_terminal for event in events)
    return [
        snapshot if event is last else event
        for event in events
        if not event.is_token or (event is last and not ended)
    ]
