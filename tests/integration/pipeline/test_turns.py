"""Two workers and one stage: whoever was overtaken stops and leaves no trace."""

from __future__ import annotations

import asyncio
import uuid

import pytest

from streaming.progress import keys
from streaming.progress.event import START, ProgressEvent
from streaming.progress.history import Histories
from streaming.progress.turn import Held, Over, Place, Turn, Turns
from tests.integration.pipeline.conftest import Line, told
from tests.wait import until

pytestmark = pytest.mark.parts


def place(job_id: str, stage: str = "vision", following: str | None = "rule") -> Place:
    return Place(job_id=job_id, user_id=str(uuid.uuid4()), stage=stage, next_stage=following)


def turns(line: Line, owner: str, ttl_seconds: float = 0.3) -> Turns:
    return Turns(line.redis, line.publisher, owner=owner, ttl_seconds=ttl_seconds)


async def events(line: Line, job_id: str) -> list[tuple[str, str]]:
    return told((await Histories(line.redis).read(job_id, START)).events)


async def begun(subject: Turns, where: Place) -> Turn:
    async def attempt() -> Turn | None:
        found = await subject.begin(where)
        return found if isinstance(found, Turn) else None

    return await until(attempt, what="the lease")


async def test_only_one_of_two_workers_gets_the_stage(line: Line) -> None:
    job_id = str(uuid.uuid4())
    first, second = turns(line, "a", 5.0), turns(line, "b", 5.0)
    results = await asyncio.gather(first.begin(place(job_id)), second.begin(place(job_id)))
    assert sorted(type(found).__name__ for found in results) == ["Held", "Turn"]
    held = next(found for found in results if isinstance(found, Held))
    assert 0 < held.seconds <= 5.0


async def test_a_worker_that_was_frozen_cannot_publish_among_its_successors_events(
    line: Line,
) -> None:
    job_id = str(uuid.uuid4())
    frozen, successor = turns(line, "a"), turns(line, "b")
    old = await begun(frozen, place(job_id))
    new = await begun(successor, place(job_id))
    assert new.fence > old.fence
    assert not await frozen.finish(old, checkpoint=b"old", event=old.event("completed"))
    assert await successor.finish(new, event=new.event("completed"))
    assert await events(line, job_id) == [("vision", "started"), ("vision", "completed")]


async def test_what_a_frozen_worker_paid_for_is_kept_for_its_successor(line: Line) -> None:
    job_id = str(uuid.uuid4())
    old = await begun(turns(line, "a"), place(job_id))
    subject = turns(line, "b")
    new = await begun(subject, place(job_id))
    await turns(line, "a").finish(old, checkpoint=b"paid", event=old.event("completed"))
    await subject.release(new)
    third = await begun(subject, place(job_id))
    assert third.checkpoint == b"paid"


async def test_a_lease_is_kept_as_long_as_it_is_renewed_and_its_loss_is_told(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streaming.progress.turn.KEEP_SECONDS", 0.1)
    job_id = str(uuid.uuid4())
    holder, other = turns(line, "a", 60.0), turns(line, "b", 60.0)
    keeping = asyncio.create_task(holder.keep())
    mine = await begun(holder, place(job_id))
    lost = asyncio.Event()
    mine.lost = lost.set
    lease = keys.lease(job_id, "vision")

    async def renewed() -> bool:
        return int(await line.redis.pttl(lease)) > 20_000

    for _ in range(4):
        await line.redis.pexpire(lease, 20_000)  # as if two thirds of its life were over
        mine.renewed_at -= 40.0
        await until(renewed, what="the lease renewed")
        assert isinstance(await other.begin(place(job_id)), Held)
    await line.redis.delete(lease)
    mine.renewed_at -= 40.0
    await begun(other, place(job_id))
    await asyncio.wait_for(lost.wait(), 20.0)
    keeping.cancel()


async def test_nothing_is_left_to_do_after_the_next_stage_began_or_the_job_ended(
    line: Line,
) -> None:
    job_id = str(uuid.uuid4())
    subject = turns(line, "a")
    mine = await begun(subject, place(job_id))
    await subject.finish(mine, event=mine.event("completed"))
    await begun(subject, place(job_id, "rule", "answer"))
    assert await subject.begin(place(job_id)) == Over(ended=False)
    await line.publisher.publish(ProgressEvent(job_id=job_id, stage="done", status="failed"))
    assert await subject.begin(place(job_id, "rule", "answer")) == Over(ended=True)


async def test_a_stage_whose_next_has_not_begun_can_be_taken_up_again(line: Line) -> None:
    job_id = str(uuid.uuid4())
    subject = turns(line, "a")
    mine = await begun(subject, place(job_id))
    await subject.finish(mine, checkpoint=b"paid", event=mine.event("completed"))
    again = await begun(subject, place(job_id))
    assert again.checkpoint == b"paid"
    assert await subject.finish(again, event=again.event("completed"))
    assert await events(line, job_id) == [("vision", "started"), ("vision", "completed")]


async def test_the_lease_is_free_as_soon_as_the_stage_is_finished(line: Line) -> None:
    job_id = str(uuid.uuid4())
    subject = turns(line, "a", 30.0)
    mine = await begun(subject, place(job_id))
    await subject.finish(mine, event=mine.event("completed"))
    assert isinstance(await turns(line, "b", 30.0).begin(place(job_id)), Turn)
