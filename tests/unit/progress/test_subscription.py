"""A stream between replay and live, with the job's history in memory."""

from __future__ import annotations

import asyncio

import pytest

from edge.progress.resume import Resume
from edge.progress.subscription import Item, Subscription
from streaming.progress.event import START, StoredEvent, StreamId
from streaming.progress.history import Histories, History, JobState
from streaming.progress.scripts import ProgressUnavailable

STAGES = ("queued", "vision", "rule", "answer", "reward", "done")


class Job(Histories):
    """A job's stream as the replay reads it."""

    def __init__(self) -> None:
        self.events: list[StoredEvent] = []
        self.away = False
        self.reads = 0
        self.closes = False
        """Whether the stream is closed while the history is read."""
        self.meanwhile: list[tuple[StoredEvent, bool]] = []
        """Published right after the history was read, before its answer arrives; and whether the
        tail delivers it."""
        self.stream = Subscription(
            "job-0123456789", "user", Resume(), histories=self, limit=2, lost=lambda _: None
        )

    async def read(self, job_id: str, after: StreamId) -> History:
        self.reads += 1
        if self.closes:
            self.stream.close("disconnect")
        if self.away:
            raise ProgressUnavailable("away")
        known = [event for event in self.events if event.id > after]
        for event, delivered in self.meanwhile:
            self.publish(event, delivered=delivered)
        self.meanwhile = []
        return History(JobState("user", "scan"), known, False)

    def new(self, ms: int) -> StoredEvent:
        prev = self.events[-1].id if self.events else START
        return StoredEvent(
            StreamId(ms, 0), "job-0123456789", STAGES[ms - 1], "completed", ms * 10, prev=prev
        )

    def publish(self, event: StoredEvent, *, delivered: bool = True) -> None:
        self.events.append(event)
        if delivered:
            self.stream.offer(Item(event))

    async def read_all(self) -> list[int]:
        """What the client gets without waiting."""
        self.stream.due = 0.0
        got: list[int] = []
        while items := await self.stream.next():
            got += [item.event.seq for item in items]
        return got


async def test_event_published_while_the_history_is_read_comes_once() -> None:
    job = Job()
    job.publish(job.new(1))
    job.meanwhile = [(job.new(2), True)]
    assert await job.read_all() == [10, 20]


async def test_overflow_at_the_last_event_is_refilled() -> None:
    job = Job()
    assert await job.read_all() == []
    for ms in (1, 2, 3):
        job.publish(job.new(ms))
    assert await job.read_all() == [10, 20, 30]


async def test_live_event_whose_predecessor_was_missed_waits_for_replay() -> None:
    job = Job()
    job.publish(job.new(1))
    assert await job.read_all() == [10]
    job.publish(job.new(2), delivered=False)
    job.publish(job.new(3))
    assert await job.read_all() == [20, 30]


async def test_live_event_after_a_gap_during_replay_is_not_given_early() -> None:
    job = Job()
    job.publish(job.new(1))
    assert await job.read_all() == [10]
    job.stream.go_stale()
    second = job.new(2)
    job.meanwhile = [(second, False), (job.new(3)._replace(prev=second.id), True)]
    assert await job.read_all() == [20, 30]


async def test_redis_away_is_tried_again_and_loses_nothing() -> None:
    job = Job()
    job.publish(job.new(1))
    job.away = True
    assert await job.read_all() == []
    job.publish(job.new(2))
    job.away = False
    assert await job.read_all() == []  # not before the pause is over
    job.stream.go_stale()
    assert await job.read_all() == [10, 20]


async def test_event_written_again_under_another_id_is_not_given_twice() -> None:
    job = Job()
    job.publish(job.new(1))
    assert await job.read_all() == [10]
    job.events.clear()  # Redis lost its last writes, and got one of them again
    job.publish(job.new(1)._replace(id=StreamId(9, 0)))
    assert await job.read_all() == []


async def test_rewound_ids_are_followed() -> None:
    job = Job()
    for ms in (4, 5):
        job.publish(job.new(ms))
    assert await job.read_all() == [40, 50]
    job.events.clear()  # Redis came back empty, and its clock is behind
    job.stream.go_stale(rewound=True)
    job.publish(job.new(6)._replace(id=StreamId(1, 0)))
    assert await job.read_all() == [60]


async def test_closing_wakes_whoever_waits() -> None:
    job = Job()
    waiting = asyncio.create_task(job.stream.next())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    job.stream.close("drain")
    assert await waiting == []
    assert job.stream.closed == "drain"


@pytest.mark.parametrize("away", [False, True])
async def test_a_client_that_leaves_during_a_replay_is_let_go_at_once(away: bool) -> None:
    job = Job()
    job.closes, job.away = True, away
    async with asyncio.timeout(10):
        assert await job.stream.next() == []
    assert job.reads == 1
