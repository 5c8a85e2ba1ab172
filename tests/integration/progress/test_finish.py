"""Putting a stage down: its last events are told together or not at all."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Sequence
from typing import Any

import pytest
from redis.asyncio import Redis

from streaming.progress.event import START, ProgressEvent
from streaming.progress.history import Histories
from streaming.progress.publisher import ProgressPublisher
from streaming.progress.scripts import RENEW, Call
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


async def test_a_lease_that_was_given_back_is_not_renewed(
    redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever takes the stage up next, as when a user answers, would wait for it to run out."""
    turns = Turns(redis, ProgressPublisher(redis), owner="worker", ttl_seconds=60.0)
    place = Place(job_id=str(uuid.uuid4()), user_id=str(uuid.uuid4()), stage="intent")
    turn = await turns.begin(place)
    assert isinstance(turn, Turn)
    arrives, on_its_way = asyncio.Event(), asyncio.Event()
    run = turns._gather.run

    async def slow_renewals(calls: Sequence[Call]) -> list[Any]:
        if calls[0].script is RENEW:
            on_its_way.set()
            await arrives.wait()
        return await run(calls)

    monkeypatch.setattr(turns._gather, "run", slow_renewals)
    renewing = asyncio.create_task(turns._renew(turn.renewed_at + 60.0))
    await on_its_way.wait()
    finishing = asyncio.create_task(turns.finish(turn, event=turn.event("completed")))
    await asyncio.wait({finishing}, timeout=0.3)
    arrives.set()
    await renewing
    assert await finishing
    assert isinstance(await turns.begin(place), Turn)
