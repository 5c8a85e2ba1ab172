"""Publishing progress: one script call an event, all that are due in one round trip."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

from prometheus_client import Counter
from redis.asyncio import Redis

from streaming.progress import keys, stages
from streaming.progress.event import ProgressEvent
from streaming.progress.scripts import DUPLICATE, ENDED, FENCED, OPEN, PUBLISH, Call, run

JOB_SECONDS: Final = 3600
"""Life of a job's keys after its last event (docs/app.md, "Event streams")."""

SHARD_SECONDS: Final = 120
"""Age at which entries leave a shard stream. It bounds how long a bridge may be out of step before
it has to replay from the jobs' own streams; at 4,700 scans/min a shard's entries of this age with a
10 kB result each take about 25 MB."""

_PUBLISHED = Counter("progress_events_published_total", "Events published.", ["domain"])
_PUBLISHED_OF: Final = {domain: _PUBLISHED.labels(domain) for domain in ("scan", "chat")}
_DROPPED = Counter("progress_events_dropped_total", "Events not published.", ["reason"])
_REASONS: Final = {FENCED: "fenced", DUPLICATE: "duplicate", ENDED: "ended"}


class ProgressPublisher:
    """Publishes to the shard streams and the jobs' own streams.

    Every method raises :class:`~streaming.progress.scripts.ProgressUnavailable` when Redis cannot
    be reached. Redis may lose its data at any time: a job's state is made anew by its next event.
    """

    def __init__(
        self, redis: Redis, *, job_seconds: int = JOB_SECONDS, shard_seconds: float = SHARD_SECONDS
    ) -> None:
        self._redis = redis
        self._job_seconds = job_seconds
        self._shard_ms = int(shard_seconds * 1000)

    async def open_job(
        self,
        job_id: str,
        *,
        domain: stages.Domain,
        user_id: str,
        traceparent: str = "",
        events: Sequence[ProgressEvent] = (),
    ) -> list[int | None]:
        """Say whose the job is, and publish its first `events` in the same round trip.

        Harmless when repeated: the owner that is known stays, the events are dropped as duplicates.
        Answers as :meth:`publish`.
        """
        opening = Call(
            OPEN, (keys.state(job_id),), (user_id, domain, traceparent, self._job_seconds)
        )
        replies = await run(self._redis, [opening, *map(self.call_for, events)])
        return seqs_of(events, replies[1:])

    async def publish(self, *events: ProgressEvent) -> list[int | None]:
        """Publish in the order given; each event's `seq`, or None for one that was dropped.

        Dropped is what was published before (same stage and status, or a token batch not above the
        last), what comes from a lease that has a successor, and whatever follows the job's end.
        Publish a stage's `completed` before its result is handed to the next stage: the next one's
        lease fences this one off.
        """
        if not events:
            return []
        return seqs_of(events, await run(self._redis, [self.call_for(event) for event in events]))

    def call_for(self, event: ProgressEvent) -> Call:
        """The script call that publishes `event`, for those who send it together with others."""
        job_id, domain, name, status = event.job_id, event.domain, event.stage, event.status
        if not name.isidentifier():
            raise ValueError(f"a stage is named like an identifier, not {name!r}")
        batch: str | int
        if event.is_text:
            if event.token_batch is None:
                raise ValueError("a token event needs the number of its batch")
            dedup, counter, batch = "", "token_seq", event.token_batch
            lowest = stages.FIRST_TOKEN_SEQ - 1 + max(1, event.token_batch)
        else:
            dedup, counter, batch = f"seen:{name}:{status}", "seq", ""
            lowest = stages.lowest_seq(domain, name, status)
        return Call(
            PUBLISH,
            (keys.SHARD_STREAMS[keys.shard_of(job_id)], keys.events(job_id), keys.state(job_id)),
            (
                event.fence,
                dedup,
                batch,
                counter,
                lowest,
                "1" if event.is_terminal else "",
                self._shard_ms,
                self._job_seconds,
                *_fields(event),
            ),
        )


def _fields(event: ProgressEvent) -> list[str | int]:
    """The entry's fields and values, without those that say nothing.

    ValueError when the result is not a JSON object.
    """
    fields: list[str | int] = [
        "job_id", event.job_id, "stage", event.stage, "status", event.status,
    ]  # fmt: skip
    progress = event.progress
    if progress is None and not event.is_text:
        progress = stages.percentage(event.domain, event.stage, event.status)
    if progress is not None:
        fields += ("progress", progress)
    if event.result is not None:
        fields += ("result", _object_in_one_line(event.result))
    message = event.message
    if message is None and event.domain == "chat" and not event.is_text:
        message = ""  # docs/app.md, "Event streams": chats have the member, if only empty
    if message is not None:
        fields += ("message", message)
    if event.content is not None:
        fields += ("content", event.content)
    if event.node is not None:
        fields += ("node", event.node)
    if event.traceparent:
        fields += ("traceparent", event.traceparent)
    return fields


def _object_in_one_line(text: str) -> str:
    """`text`, checked to be a JSON object and free of line ends, which would break an SSE frame."""
    parsed = json.loads(text)
    if not isinstance(parsed, dict):
        raise ValueError("the result of an event must be a JSON object")
    if "\n" in text or "\r" in text:
        return json.dumps(parsed, ensure_ascii=False, separators=(",", ":"))
    return text


def seqs_of(events: Sequence[ProgressEvent], replies: Sequence[int]) -> list[int | None]:
    """`seq` by event from the script's replies, None for those dropped; both are counted."""
    for event, reply in zip(events, replies, strict=True):
        if reply < 0:
            _DROPPED.labels(_REASONS[reply]).inc()
        else:
            _PUBLISHED_OF[event.domain].inc()
    return [reply if reply >= 0 else None for reply in replies]
