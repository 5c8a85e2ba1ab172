"""Replay: what Redis still knows of a job.

Many watchers may want their history at once (after a reconnect, all of them). Requests that come
together share a round trip, and few round trips are under way at a time.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from redis.asyncio import Redis
from redis.exceptions import RedisError

from streaming.progress import keys
from streaming.progress.event import StoredEvent, StreamId, read_entries
from streaming.progress.scripts import ProgressUnavailable

PAGE: Final = 1000
"""Events read of one job at a time."""

BATCH: Final = 64
"""Jobs read in one round trip."""

CONCURRENCY: Final = 4
"""Round trips under way at a time."""


@dataclass(frozen=True, slots=True)
class JobState:
    """What the state hash says about a job; None where it says nothing."""

    user_id: str | None
    domain: str | None
    seq: int = -1
    """`seq` of the last progress event; -1 before the first."""

    @property
    def is_known(self) -> bool:
        """Whether Redis has kept the job since it was opened; False after it lost its data."""
        return self.user_id is not None


@dataclass(frozen=True, slots=True)
class History:
    """A job's state, and its events after the one asked for."""

    state: JobState
    events: list[StoredEvent]
    more: bool
    """Whether there are more events after the last of these."""


class Histories:
    """Reads the histories of jobs from Redis."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._waiting: deque[tuple[str, StreamId, asyncio.Future[History]]] = deque()
        self._readers: set[asyncio.Task[None]] = set()

    async def read(self, job_id: str, after: StreamId) -> History:
        """Events of the job after `after` in order; raises ProgressUnavailable."""
        answer: asyncio.Future[History] = asyncio.get_running_loop().create_future()
        self._waiting.append((job_id, after, answer))
        if len(self._readers) < CONCURRENCY:
            self._readers.add(asyncio.create_task(self._serve()))
        return await answer

    async def _serve(self) -> None:
        try:
            await self._serve_all()
        finally:
            # At once: between the end of a task and what is called for it somebody may ask, and
            # would take this reader for one that goes on.
            self._readers -= {asyncio.current_task()}

    async def _serve_all(self) -> None:
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]
            batch = [request for request in batch if not request[2].done()]
            try:
                pipeline = self._redis.pipeline(transaction=False)
                for job_id, after, _ in batch:
                    pipeline.hmget(keys.state(job_id), "user_id", "domain", "seq")
                    pipeline.xrange(keys.events(job_id), min=f"({after}", count=PAGE)
                replies = await pipeline.execute() if batch else []
                answers = [_history(replies[2 * i], replies[2 * i + 1]) for i in range(len(batch))]
            except Exception as error:
                if isinstance(error, RedisError | OSError):
                    error = ProgressUnavailable(str(error))
                for _, _, answer in batch:
                    if not answer.done():
                        answer.set_exception(error)
                continue
            except asyncio.CancelledError:
                for _, _, answer in batch:
                    answer.cancel()
                raise
            for (_, _, answer), history in zip(batch, answers, strict=True):
                if not answer.done():
                    answer.set_result(history)


def _history(
    state: list[bytes | None], entries: list[tuple[bytes, Mapping[bytes, bytes]]]
) -> History:
    user_id, domain, seq = (None if raw is None else raw.decode() for raw in state)
    known = JobState(user_id, domain, -1 if seq is None else int(seq))
    return History(known, read_entries(entries), len(entries) == PAGE)
