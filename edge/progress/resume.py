"""Where a stream goes on: what a client has seen, and which of a job's events it still needs.

An event's id is its place in the job's stream. Text comes as tokens, and a client that joins late
gets those so far together as ``token_recovery``, whose id is ``recovery:<seq>``. A
worker publishes one itself when it words the answer anew: it takes the place of all text before.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from streaming.progress.event import START, StoredEvent, StreamId
from streaming.progress.stages import RECOVERY, SNAPSHOT

CLOCKS_APART_MS: Final = 60_000
"""How far the clock of Redis, which makes the ids, may be ahead of ours."""

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


def parse(last_event_id: str, last_token_seq: str = "", *, now_ms: int) -> Resume:
    """Read the header ``Last-Event-ID`` and the parameter ``last_token_seq``.

    What can't be read, or lies in the future of `now_ms` (Unix time), counts as not sent: the
    client then gets everything again.
    """
    last_event_id = last_event_id.strip()
    if last_event_id.startswith(_RECOVERY_PREFIX):
        seq = _number(last_event_id.removeprefix(_RECOVERY_PREFIX))
        if seq is not None:
            return Resume(recovered=seq)
    else:
        with suppress(ValueError):
            after = StreamId.parse(last_event_id)
            if after.ms <= now_ms + CLOCKS_APART_MS:
                return Resume(after=after)
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
            if event.is_text and event.seq == resume.recovered:
                return list(events[place + 1 :])
    seen = resume.recovered if resume.recovered is not None else resume.tokens
    if seen is not None:
        return [event for event in events if not event.is_text or event.seq > seen]
    return _with_snapshots(events)


def _with_snapshots(events: Sequence[StoredEvent]) -> list[StoredEvent]:
    """The events with every run of text replaced by one snapshot of the text up to there.

    One snapshot a run, not one for all: a client may leave between any two events, and what it has
    by then must be the text up to its last id. A job that has ended needs none, because its last
    event carries the whole answer.
    """
    if any(event.is_terminal for event in events):
        return [event for event in events if not event.is_text]
    text, needed = "", []
    for place, event in enumerate(events):
        if not event.is_text:
            needed.append(event)
            continue
        text = (text if event.is_token else "") + (event.content or "")
        if place + 1 == len(events) or not events[place + 1].is_text:
            needed.append(event._replace(stage=RECOVERY, status=SNAPSHOT, content=text))
    return needed
