"""Learning from the jobs' own domains how jobs ended that Redis says nothing about."""

from __future__ import annotations

import asyncio
import heapq
import time
from collections.abc import Callable, Container, Mapping, Sequence
from typing import Final

from edge.progress import metrics
from edge.progress.jobs import DomainUnavailable, Job, JobSource
from streaming.progress.event import StoredEvent

TICK_SECONDS: Final = 0.1

SETTLE_SECONDS: Final = 2.0
"""A job that has ended just now is asked about once more after so long: its own last events are
under way, and would be cut off by what the domain says of the ending."""


class Endings:
    """Asks the domains about watched jobs, gently: once a job, never once a client.

    `ended(job_id, events)` gets the last events of a job that has ended; `watched` are those
    somebody still wants to know about.
    """

    def __init__(
        self,
        sources: Mapping[str, JobSource],
        *,
        ended: Callable[[str, Sequence[StoredEvent]], None],
        watched: Container[str],
        poll_seconds: float,
        polls_per_second: float,
    ) -> None:
        self._sources = sources
        self._ended = ended
        self._watched = watched
        self._poll_seconds = poll_seconds
        self._per_tick = max(1, round(polls_per_second * TICK_SECONDS))
        self._due: list[tuple[float, str]] = []
        self._repeat: dict[str, bool] = {}
        self._settling: set[str] = set()

    async def look_up(self, job_id: str, domain: str | None) -> Job | None:
        """The job as its domain knows it, or None; raises DomainUnavailable.

        Without a `domain` every one is asked in turn, and one that is away counts only when no
        other knows the job.
        """
        away: DomainUnavailable | None = None
        for name in self._sources if domain is None else [domain]:
            if name not in self._sources:
                continue
            try:
                job = await self._sources[name].get(job_id)
            except DomainUnavailable as error:
                metrics.FALLBACKS.labels("unavailable").inc()
                away = error
                continue
            metrics.FALLBACKS.labels("unknown" if job is None else "found").inc()
            if job is not None:
                return job
        if away is not None:
            raise away
        return None

    def follow(self, job_id: str) -> None:
        """Ask again and again until the job has ended or nobody watches it any more."""
        self._schedule(job_id, repeat=True)

    def check(self, job_id: str) -> None:
        """Ask once."""
        self._schedule(job_id, repeat=False)

    def _schedule(self, job_id: str, *, repeat: bool, in_seconds: float = 0.0) -> None:
        if job_id not in self._repeat:
            due = asyncio.get_running_loop().time() + in_seconds
            heapq.heappush(self._due, (due, job_id))
        self._repeat[job_id] = repeat or self._repeat.get(job_id, False)

    async def run(self) -> None:
        """Ask what is due, until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(TICK_SECONDS)
            now = loop.time()
            due: list[str] = []
            while self._due and self._due[0][0] <= now and len(due) < self._per_tick:
                due.append(heapq.heappop(self._due)[1])
            await asyncio.gather(*map(self._ask, due))

    async def _ask(self, job_id: str) -> None:
        repeat = self._repeat.pop(job_id)
        settled = job_id in self._settling
        self._settling.discard(job_id)
        if job_id not in self._watched:
            return
        try:
            job = await self.look_up(job_id, None)
        except DomainUnavailable:
            job = None
        if job is not None and job.ending:
            age_seconds = time.time() - job.ending[-1].id.ms / 1000
            if settled or age_seconds >= SETTLE_SECONDS:
                self._ended(job_id, job.ending)
            else:
                self._settling.add(job_id)
                self._schedule(job_id, repeat=repeat, in_seconds=SETTLE_SECONDS)
        elif repeat:
            self._schedule(job_id, repeat=True, in_seconds=self._poll_seconds)
