"""Putting a stage down: its last events are told together or not at all."""

from __future__ import annotations

import uuid

import pytest
from redis.asyncio import Redis

from streaming.progress.event import START, ProgressEvent
from streaming.progress.history import Histories
from streaming.progress.publisher import ProgressPublisher
from streaming.progress.turn import Place, Turn, Turns

pytestmark = pytest.mark.parts


async def test_done_is_not_told_without_the_event_before_it(redis: Redis) -> None:
    """Also when a restarted Redis knows the script of plain events again, but not that of ends."""
    publisher = ProgressPublisher(redis)
    turns = Turns(redis, publisher, owner="worker", ttl_seconds=5.0)
    job_id = str(uuid.uuid4())
    turn = await turns.begin(Place(job_id=job_id, user_id=str(uuid.uuid4()), stage="reward"))
    assert isinstance(turn, Turn)
    await redis.script_flush()
    other = str(uuid.uuid4())
    await publisher.publish(ProgressEvent(job_id=other, stage="vision", status="started"))
    done = ProgressEvent(job_id=job_id, stage="done", status="completed", fence=turn.fence)
    assert await turns.finish(turn, event=turn.event("completed"), more=(done,))
    history = await Histories(redis).read(job_id, START)
    assert [(event.stage, event.status) for event in history.events] == [
        ("reward", "started"),
        ("reward", "completed"),
        ("done", "completed"),
    ]
