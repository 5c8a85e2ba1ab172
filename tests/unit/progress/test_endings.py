"""When the domain's word for an ending counts, and when the job's own last events come first."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from edge.progress import endings
from edge.progress.endings import Endings
from edge.progress.jobs import Job
from streaming.progress.event import StoredEvent, StreamId
from tests.wait import until

JOB = "0f8fad5b-d9cb-469f-a165-70867728950e"
SETTLE = 0.3


def ended(seconds_ago: float) -> Job:
    at = StreamId(int((time.time() - seconds_ago) * 1000), 0)
    return Job("user", "scan", (StoredEvent(at, JOB, "done", "completed", 51),))


class Domain:
    """Knows one job."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.asked = 0

    async def get(self, job_id: str) -> Job | None:
        """The job."""
        self.asked += 1
        return self.job


@asynccontextmanager
async def asking(
    domain: Domain, watched: set[str], told: list[StoredEvent]
) -> AsyncIterator[Endings]:
    """The endings of a bridge, running."""
    made = Endings(
        {"scan": domain},
        ended=lambda _, events: told.extend(events),
        watched=watched,
        poll_seconds=0.05,
        polls_per_second=100,
    )
    task = asyncio.create_task(made.run())
    try:
        yield made
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endings, "SETTLE_SECONDS", SETTLE)


@pytest.mark.parametrize("repeat", [False, True])
async def test_a_job_that_ended_just_now_is_given_time_to_say_so_itself(repeat: bool) -> None:
    domain, told = Domain(ended(seconds_ago=0)), list[StoredEvent]()
    began = time.monotonic()
    async with asking(domain, {JOB}, told) as watching:
        (watching.follow if repeat else watching.check)(JOB)
        await until(lambda: told, within_seconds=5)
    assert time.monotonic() - began >= SETTLE
    assert domain.asked == 2
    assert len(told) == 1


async def test_a_job_that_ended_a_while_ago_is_told_at_once() -> None:
    domain, told = Domain(ended(seconds_ago=60)), list[StoredEvent]()
    async with asking(domain, {JOB}, told) as watching:
        watching.check(JOB)
        await until(lambda: told, within_seconds=5)
    assert domain.asked == 1


async def test_who_heard_the_end_meanwhile_is_told_nothing() -> None:
    domain, told, watched = Domain(ended(seconds_ago=0)), list[StoredEvent](), {JOB}
    async with asking(domain, watched, told) as watching:
        watching.check(JOB)
        await until(lambda: domain.asked, within_seconds=5)
        watched.clear()
        watching.check(JOB)  # the second question falls due, and is not asked
        await until(lambda: not watching._repeat, within_seconds=5)
    assert domain.asked == 1
    assert told == []


async def test_a_clock_that_is_ahead_delays_the_end_once_and_no_more() -> None:
    domain, told = Domain(ended(seconds_ago=-3600)), list[StoredEvent]()
    async with asking(domain, {JOB}, told) as watching:
        watching.check(JOB)
        await until(lambda: told, within_seconds=5)
    assert domain.asked == 2
