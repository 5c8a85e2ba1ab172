"""A progress event, before it is published and as it lies in a stream."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple, Self

from streaming.progress import stages


class StreamId(NamedTuple):
    """Id of a Redis stream entry; ordered as Redis orders them."""

    ms: int
    """Unix time of the entry in milliseconds, by the clock of Redis."""
    n: int
    """Number within that millisecond."""

    def __str__(self) -> str:
        return f"{self.ms}-{self.n}"

    @classmethod
    def parse(cls, text: str | bytes) -> Self:
        """Read ``<ms>-<n>``; ValueError for anything else, numbers beyond 64 bits included."""
        if isinstance(text, bytes):
            text = text.decode("ascii")
        ms, dash, n = text.partition("-")
        if not (dash and ms.isascii() and ms.isdecimal() and n.isascii() and n.isdecimal()):
            raise ValueError("a stream id has the form <ms>-<n>")
        if len(ms) > 20 or len(n) > 20 or int(ms) >= 1 << 64 or int(n) >= 1 << 64:
            raise ValueError("a stream id has two 64-bit numbers")
        return cls(int(ms), int(n))


START = StreamId(0, 0)
"""Before every entry."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgressEvent:
    """What a worker has to say about its job."""

    job_id: str
    stage: str
    """A stage of :mod:`streaming.progress.stages`, or ``token``."""
    status: str
    """``started``, ``completed``, ``failed``, ``waiting``; ``streaming`` for tokens, ``snapshot``
    for a ``token_recovery``."""
    domain: stages.Domain = "scan"
    """Whose table of stages gives the event its place."""
    fence: int = 0
    """Fence of the lease the publisher holds (refused when a newer lease was given); 0 says that it
    needs none (accepting, cancelling or failing a job)."""
    progress: int | None = None
    """Percentage, 0–100; None takes the one of the table of stages."""
    result: str | None = None
    """A JSON object, as text."""
    message: str | None = None
    """Text for the user, in Korean."""
    content: str | None = None
    """Text of a token batch."""
    node: str | None = None
    """What produced the token batch (``answer``)."""
    token_batch: int | None = None
    """Number of the token batch, from 1, growing from one batch of a job to the next; tokens need
    it. Its `seq` is at least 1000 above it, so that it goes on where Redis has lost its data."""
    traceparent: str = ""
    """W3C trace context of the work the event tells about."""

    @property
    def is_text(self) -> bool:
        """Whether this carries text of the answer: a further piece, or all of it anew."""
        return self.stage in stages.TEXT

    @property
    def is_terminal(self) -> bool:
        """Whether the job's stream ends with this event."""
        return stages.is_terminal(self.stage, self.status)


class StoredEvent(NamedTuple):
    """An event as it lies in the shard's and the job's stream."""

    id: StreamId
    job_id: str
    stage: str
    status: str
    seq: int
    """Strictly increasing within the job; tokens are numbered apart, from 1001."""
    progress: int | None = None
    result: str | None = None
    """A JSON object in one line, or None."""
    message: str | None = None
    content: str | None = None
    node: str | None = None
    traceparent: str = ""
    prev: StreamId = START
    """The job's event before this one; the beginning when there was none, or Redis lost it."""

    @property
    def is_token(self) -> bool:
        """Whether this is a further piece of the streamed answer."""
        return self.stage == stages.TOKEN

    @property
    def is_text(self) -> bool:
        """Whether this carries text of the answer: a further piece, or all of it anew."""
        return self.stage in stages.TEXT

    @property
    def is_terminal(self) -> bool:
        """Whether the job's stream ends with this event."""
        return stages.is_terminal(self.stage, self.status)

    @classmethod
    def from_fields(cls, entry_id: bytes, fields: Mapping[bytes, bytes]) -> Self:
        """Read a stream entry; KeyError or ValueError when it isn't one of ours."""
        get = fields.get
        progress, prev = get(b"progress"), get(b"prev")
        return cls(
            _id(entry_id),
            fields[b"job_id"].decode(),
            fields[b"stage"].decode(),
            fields[b"status"].decode(),
            int(fields[b"seq"]),
            None if progress is None else int(progress),
            _text(get(b"result")),
            _text(get(b"message")),
            _text(get(b"content")),
            _text(get(b"node")),
            get(b"traceparent", b"").decode(),
            START if prev is None else _id(prev),
        )


Entry = tuple[bytes, Mapping[bytes, bytes]]
"""Id and fields of an entry as the Redis client reads it."""


def read_entries(
    entries: Iterable[Entry], wanted: Container[str] | None = None
) -> list[StoredEvent]:
    """The events among stream entries, those of the jobs in `wanted` if it is given.

    What somebody else put into the stream is passed over.
    """
    events = []
    for entry_id, fields in entries:
        try:
            if wanted is None or fields[b"job_id"].decode() in wanted:
                events.append(StoredEvent.from_fields(entry_id, fields))
        except (KeyError, ValueError):
            continue
    return events


def _id(raw: bytes) -> StreamId:
    ms, n = raw.split(b"-")
    return StreamId(int(ms), int(n))


def _text(raw: bytes | None) -> str | None:
    return None if raw is None else raw.decode()
