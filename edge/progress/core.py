"""The core of both faces: the streams open in this process, and what feeds them.

One tail of the shard streams a process hands live events to the streams of their job. A stream
begins with a replay of the job's own stream after the client's last id, goes on live, and leaves
out what it has given before. Whenever something may be missing (its queue overflowed, the tail was
disconnected or paused, Redis lost its data) it returns to replay. So no event is dropped, and none
is sent twice.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Final

from eco2.errors.v1.error_reason_pb2 import ErrorReason
from redis.asyncio import Redis

from edge.progress import metrics
from edge.progress.endings import Endings
from edge.progress.jobs import DomainUnavailable, JobSource
from edge.progress.resume import Resume
from edge.progress.settings import ProgressSettings
from edge.progress.subscription import Item, Subscription
from services.runtime.errors import DomainError
from streaming.progress.event import StoredEvent
from streaming.progress.history import Histories, JobState
from streaming.progress.scripts import ProgressUnavailable
from streaming.progress.tail import ShardTail

RETRY_AFTER_SECONDS: Final = 2
"""What a client that is refused for now is told to wait."""

LAST_WRITE_SECONDS: Final = 1.0
"""What streams that are ended by the server get for writing their last bytes."""

_UNKNOWN: Final = JobState(None, None)


class ProgressCore:
    """Opens streams of jobs. What the ``run_*`` methods do must run beside it."""

    def __init__(
        self,
        *,
        commands: Redis,
        blocking: Redis,
        sources: Mapping[str, JobSource],
        settings: ProgressSettings,
    ) -> None:
        self._settings = settings
        self._histories = Histories(commands)
        self._streams: dict[str, list[Subscription]] = {}
        self._tail = ShardTail(
            blocking, wanted=self._streams, deliver=self._deliver, gap=self._replay_shards
        )
        self._endings = Endings(
            sources,
            ended=self._end,
            watched=self._streams,
            poll_seconds=settings.progress_job_poll_seconds,
            polls_per_second=settings.progress_job_polls_per_second,
        )
        self._of_user: Counter[str] = Counter()
        self._draining = False
        self._closed_one = asyncio.Event()

    @property
    def open_streams(self) -> int:
        """Streams open now."""
        return self._of_user.total()

    def streams_of(self, job_id: str) -> tuple[Subscription, ...]:
        """The streams of a job that are open now."""
        return tuple(self._streams.get(job_id, ()))

    async def run_tail(self) -> None:
        """Follow the shard streams until cancelled."""
        await self._tail.run()

    async def run_endings(self) -> None:
        """Ask the domains about jobs Redis has lost, until cancelled."""
        await self._endings.run()

    async def run_clock(self) -> None:
        """Wake streams that have something to do, until cancelled.

        One pass over all streams instead of a timer each: 10,000 take about a millisecond.
        """
        loop = asyncio.get_running_loop()
        pause = min(1.0, self._settings.progress_keepalive_seconds / 10)
        silence = self._settings.progress_idle_check_seconds
        while True:
            await asyncio.sleep(pause)
            now = loop.time()
            for job_id, streams in self._streams.items():
                for stream in streams:
                    stream.tick(now)
                    if now - stream.quiet_since >= silence:
                        stream.quiet_since = now
                        self._endings.check(job_id)

    async def open(
        self, job_id: str, *, user_id: str, domain: str | None, resume: Resume
    ) -> Subscription:
        """Open a stream of the user's job; :meth:`release` it when it is over.

        `domain` is the one the client named, None when it named none. Raises DomainError:
        JOB_NOT_FOUND (somebody else's job included), TOO_MANY_STREAMS, SHUTTING_DOWN,
        DEPENDENCY_UNAVAILABLE (neither Redis nor the domain can say whose job it is).
        """
        if self._draining:
            raise DomainError(
                ErrorReason.ERROR_REASON_SHUTTING_DOWN,
                "this server takes no new streams",
                retry_after_seconds=RETRY_AFTER_SECONDS,
            )
        if self._of_user[user_id] >= self._settings.progress_streams_per_user:
            raise DomainError(
                ErrorReason.ERROR_REASON_TOO_MANY_STREAMS,
                f"at most {self._settings.progress_streams_per_user} streams a user",
                metadata={"limit": str(self._settings.progress_streams_per_user)},
                retry_after_seconds=RETRY_AFTER_SECONDS,
            )
        stream = Subscription(
            job_id,
            user_id,
            resume,
            histories=self._histories,
            limit=self._settings.progress_queue_events,
            lost=self._endings.follow,
        )
        # Registered before the history is read: what is published in between arrives live.
        self._streams.setdefault(job_id, []).append(stream)
        self._of_user[user_id] += 1
        try:
            await self._admit(stream, domain)
        except BaseException:
            self.release(stream)
            raise
        return stream

    async def _admit(self, stream: Subscription, domain: str | None) -> None:
        """Read the history, and refuse whoever does not own the job."""
        try:
            state = await stream.replay()
        except ProgressUnavailable:
            state = _UNKNOWN
        owner, owning_domain = state.user_id, state.domain
        if state.is_known:
            metrics.SNAPSHOT_HITS.inc()
        else:
            metrics.SNAPSHOT_MISSES.inc()
            try:
                job = await self._endings.look_up(stream.job_id, domain)
            except DomainUnavailable as error:
                raise DomainError(
                    ErrorReason.ERROR_REASON_DEPENDENCY_UNAVAILABLE,
                    "cannot tell whose job this is",
                    metadata={"dependency": domain or "scan"},
                    retry_after_seconds=RETRY_AFTER_SECONDS,
                ) from error
            if job is not None:
                owner, owning_domain = job.user_id, job.domain
                if job.ending:
                    stream.end([Item(event) for event in job.ending])
                else:
                    self._endings.follow(stream.job_id)
        if owner != stream.user_id or (domain is not None and domain != owning_domain):
            raise DomainError(
                ErrorReason.ERROR_REASON_JOB_NOT_FOUND,
                "no such job",
                metadata={"job_id": stream.job_id},
            )

    def release(self, stream: Subscription) -> None:
        """Forget a stream that is over."""
        streams = self._streams[stream.job_id]
        streams.remove(stream)
        if not streams:
            del self._streams[stream.job_id]
        self._of_user[stream.user_id] -= 1
        if not self._of_user[stream.user_id]:
            del self._of_user[stream.user_id]
        self._closed_one.set()

    async def drain(self, seconds: float) -> None:
        """Refuse new streams, and let the open ones finish; end what is left within `seconds`."""
        self._draining = True
        try:
            async with asyncio.timeout(max(0.0, seconds - LAST_WRITE_SECONDS)):
                await self._all_closed()
        except TimeoutError:
            for streams in list(self._streams.values()):
                for stream in streams:
                    stream.close("drain")
            with suppress(TimeoutError):
                async with asyncio.timeout(LAST_WRITE_SECONDS):
                    await self._all_closed()

    async def _all_closed(self) -> None:
        while self._streams:
            self._closed_one.clear()
            await self._closed_one.wait()

    # what the tail and the domains tell

    def _deliver(self, events: Sequence[StoredEvent]) -> None:
        given = 0
        for event in events:
            streams = self._streams.get(event.job_id)
            if streams:
                item = Item(event)
                for stream in streams:
                    stream.offer(item)
                given += len(streams)
        metrics.DISTRIBUTED.inc(given)

    def _replay_shards(self, shards: Iterable[int], rewound: bool) -> None:
        affected = frozenset(shards)
        if not affected:
            return
        for streams in self._streams.values():
            for stream in streams:
                if stream.shard in affected:
                    stream.go_stale(rewound=rewound)

    def _end(self, job_id: str, events: Sequence[StoredEvent]) -> None:
        items = [Item(event) for event in events]
        for stream in self._streams.get(job_id, ()):
            stream.end(items)
