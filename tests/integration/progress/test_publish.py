"""What a publish promises: order, once only, and nothing from a worker that was replaced."""

from __future__ import annotations

import asyncio
import json
import uuid
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ResponseError

from streaming.progress import keys
from streaming.progress.checkpoint import Checkpoints
from streaming.progress.event import ProgressEvent, StoredEvent
from streaming.progress.lease import Leases
from streaming.progress.publisher import ProgressPublisher
from streaming.progress.scripts import DUPLICATE, ProgressUnavailable, run_each

from .conftest import RedisServer, lose

pytestmark = pytest.mark.parts


def new_job() -> str:
    return str(uuid.uuid4())


def event(job_id: str, stage: str, status: str = "started", **more: Any) -> ProgressEvent:
    return ProgressEvent(job_id=job_id, stage=stage, status=status, **more)


async def stored(redis: Redis, key: str) -> list[StoredEvent]:
    entries: Any = await redis.xrange(key)
    return [StoredEvent.from_fields(entry, fields) for entry, fields in entries]


async def test_scan_gets_the_numbers_of_the_contract(redis: Redis) -> None:
    job_id, publisher = new_job(), ProgressPublisher(redis)
    opened = await publisher.open_job(
        job_id, domain="scan", user_id="user-1", events=[event(job_id, "queued")]
    )
    rest = [
        event(job_id, stage, status)
        for stage in ("vision", "rule", "answer", "reward")
        for status in ("started", "completed")
    ]
    done = event(job_id, "done", "completed", result='{"ok": 1}')
    assert opened + await publisher.publish(*rest, done) == [0, 10, 11, 20, 21, 30, 31, 40, 41, 51]
    events = await stored(redis, keys.events(job_id))
    assert [e.progress for e in events] == [0, 0, 25, 25, 50, 50, 75, 75, 100, None]
    assert json.loads(events[-1].result or "") == {"ok": 1}


async def test_event_has_the_same_id_in_both_streams(redis: Redis) -> None:
    job_id, publisher = new_job(), ProgressPublisher(redis)
    await publisher.publish(event(job_id, "queued"), event(job_id, "vision"))
    assert await stored(redis, keys.events(job_id)) == await stored(
        redis, keys.SHARD_STREAMS[keys.shard_of(job_id)]
    )


async def test_repeated_event_is_dropped(redis: Redis) -> None:
    job_id, publisher = new_job(), ProgressPublisher(redis)
    assert await publisher.publish(event(job_id, "vision")) == [10]
    assert await publisher.publish(event(job_id, "vision")) == [None]
    assert len(await stored(redis, keys.events(job_id))) == 1


async def test_failure_after_start_gets_its_own_seq_and_ends_the_job(redis: Redis) -> None:
    job_id, publisher = new_job(), ProgressPublisher(redis)
    published = await publisher.publish(
        event(job_id, "vision"), event(job_id, "vision", "failed"), event(job_id, "rule")
    )
    assert published == [10, 11, None]


async def test_tokens_count_apart_and_batches_once(redis: Redis) -> None:
    job_id, publisher = new_job(), ProgressPublisher(redis)

    def token(batch: int) -> ProgressEvent:
        return event(
            job_id, "token", "streaming", domain="chat", token_batch=batch, content=f"{batch} "
        )

    published = await publisher.publish(
        event(job_id, "answer", domain="chat"), token(1), token(2), token(2), token(1), token(3)
    )
    assert published == [160, 1001, 1002, None, None, 1003]
    contents = [e.content for e in await stored(redis, keys.events(job_id)) if e.is_token]
    assert contents == ["1 ", "2 ", "3 "]


async def test_worker_that_was_replaced_cannot_publish(redis: Redis) -> None:
    job_id, publisher, leases = new_job(), ProgressPublisher(redis), Leases(redis)
    frozen = await leases.acquire(job_id, "vision", "worker-a", ttl_seconds=60)
    assert frozen is not None
    assert await leases.acquire(job_id, "vision", "worker-b", ttl_seconds=60) is None
    await redis.delete(keys.lease(job_id, "vision"))  # as if its time had run out
    successor = await leases.acquire(job_id, "vision", "worker-b", ttl_seconds=60)
    assert successor is not None
    assert successor.fence > frozen.fence
    assert await publisher.publish(
        event(job_id, "vision", fence=frozen.fence),
        event(job_id, "vision", fence=successor.fence),
        event(job_id, "vision", "completed", fence=frozen.fence),
    ) == [None, 10, None]
    assert await leases.renew(frozen) is False
    await leases.release(frozen)
    assert await leases.renew(successor) is True


async def test_fence_keeps_growing_when_redis_loses_its_data(redis: Redis) -> None:
    job_id, leases = new_job(), Leases(redis)
    before = await leases.acquire(job_id, "vision", "worker-a", ttl_seconds=60)
    await lose(redis)
    after = await leases.acquire(job_id, "vision", "worker-b", ttl_seconds=60)
    assert before is not None
    assert after is not None
    assert after.fence > before.fence


async def test_lease_lost_with_the_data_is_taken_back_by_its_holder(redis: Redis) -> None:
    job_id, leases = new_job(), Leases(redis)
    lease = await leases.acquire(job_id, "vision", "worker-a", ttl_seconds=60)
    assert lease is not None
    await lose(redis)
    assert await leases.renew(lease) is True
    assert await leases.acquire(job_id, "vision", "worker-b", ttl_seconds=60) is None
    await leases.release(lease)
    assert await leases.acquire(job_id, "vision", "worker-b", ttl_seconds=60) is not None


async def test_released_lease_of_a_finished_stage_lets_the_next_stage_start(redis: Redis) -> None:
    job_id, leases, publisher = new_job(), Leases(redis), ProgressPublisher(redis)
    fences = []
    for stage in ("vision", "rule"):
        lease = await leases.acquire(job_id, stage, "worker", ttl_seconds=60)
        assert lease is not None
        published = await publisher.publish(
            event(job_id, stage, fence=lease.fence),
            event(job_id, stage, "completed", fence=lease.fence),
        )
        assert None not in published
        fences.append(lease.fence)
        await leases.release(lease)
    assert fences == sorted(set(fences))


async def test_publishing_goes_on_after_redis_lost_everything(redis: Redis) -> None:
    job_id, publisher = new_job(), ProgressPublisher(redis)
    await publisher.open_job(job_id, domain="scan", user_id="user-1")
    assert await publisher.publish(event(job_id, "vision")) == [10]
    await lose(redis)
    await redis.script_flush()
    assert await publisher.publish(
        event(job_id, "vision", "completed"), event(job_id, "rule")
    ) == [11, 20]  # fmt: skip
    assert await redis.hget(keys.state(job_id), "user_id") is None


async def test_owner_that_is_known_stays(redis: Redis) -> None:
    job_id, publisher = new_job(), ProgressPublisher(redis)
    first = [event(job_id, "queued")]
    assert await publisher.open_job(job_id, domain="scan", user_id="a", events=first) == [0]
    assert await publisher.open_job(job_id, domain="scan", user_id="b", events=first) == [None]
    assert await redis.hget(keys.state(job_id), "user_id") == b"a"


async def test_keys_of_a_job_live_an_hour_and_shard_entries_are_trimmed(redis: Redis) -> None:
    publisher = ProgressPublisher(redis, shard_seconds=0.05)
    jobs = [job for job in (new_job() for _ in range(2000)) if keys.shard_of(job) == 0]
    for job_id in jobs[:-1]:
        await publisher.publish(event(job_id, "queued"))
    await asyncio.sleep(0.06)
    await publisher.publish(event(jobs[-1], "queued"))
    assert await redis.xlen(keys.SHARD_STREAMS[0]) < len(jobs) - 100
    for key in (keys.events(jobs[-1]), keys.state(jobs[-1])):
        assert 3590 < await redis.ttl(key) <= 3600


async def test_result_is_one_line_and_an_object(redis: Redis) -> None:
    job_id, publisher = new_job(), ProgressPublisher(redis)
    await publisher.publish(event(job_id, "done", "completed", result='{"단계2":1,\n"단계1":null}'))
    (only,) = await stored(redis, keys.events(job_id))
    assert only.result == '{"단계2":1,"단계1":null}'
    with pytest.raises(ValueError, match="JSON object"):
        await publisher.publish(event(job_id, "done", "completed", result="[]"))


async def test_checkpoint_is_kept(redis: Redis) -> None:
    checkpoints, job_id = Checkpoints(redis), new_job()
    assert await checkpoints.get(job_id, "vision") is None
    await checkpoints.put(job_id, "vision", b"\x00answer")
    assert await checkpoints.get(job_id, "vision") == b"\x00answer"


async def test_checkpoint_of_a_job_that_has_ended_is_not_kept(redis: Redis) -> None:
    checkpoints, job_id = Checkpoints(redis), new_job()
    await ProgressPublisher(redis).publish(event(job_id, "done", "completed", result="{}"))
    await checkpoints.put(job_id, "image_generation", b"picture")
    assert await checkpoints.get(job_id, "image_generation") is None


async def test_missing_redis_is_one_error(redis_server: RedisServer) -> None:
    async with Redis(port=1, retry=Retry(NoBackoff(), 0)) as nowhere:
        with pytest.raises(ProgressUnavailable):
            await ProgressPublisher(nowhere).publish(event(new_job(), "vision"))
        with pytest.raises(ProgressUnavailable):
            await Leases(nowhere).acquire(new_job(), "vision", "me", 1)
        with pytest.raises(ProgressUnavailable):
            await Checkpoints(nowhere).get(new_job(), "vision")
        with pytest.raises(ProgressUnavailable):
            await Checkpoints(nowhere).put(new_job(), "vision", b"answer")


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    steps=st.lists(
        st.tuples(
            st.sampled_from(["queued", "vision", "rule", "answer", "reward", "router"]),
            st.sampled_from(["started", "completed"]),
        ),
        max_size=20,
    )
)
def test_seq_grows_strictly_whatever_the_order(
    redis_server: RedisServer, steps: list[tuple[str, str]]
) -> None:
    async def run() -> None:
        async with Redis.from_url(redis_server.url) as client:
            job_id = new_job()
            seqs = await ProgressPublisher(client).publish(
                *(event(job_id, stage, status) for stage, status in steps)
            )
            published = [seq for seq in seqs if seq is not None]
            assert published == sorted(set(published))
            assert len(published) == len(set(steps))

    asyncio.run(run())


async def test_an_error_of_one_publication_is_not_the_others(redis: Redis) -> None:
    good, bad = new_job(), new_job()
    while keys.shard_of(bad) != keys.shard_of(good):
        bad = new_job()
    await redis.set(keys.state(bad), "no hash")
    publisher = ProgressPublisher(redis)
    calls = [publisher.call_for(event(job, "queued")) for job in (good, bad, good)]
    first, error, again = await run_each(redis, calls)
    assert (first, again) == (0, DUPLICATE)
    assert isinstance(error, ResponseError)
    assert "WRONGTYPE" in str(error)
    assert [e.stage for e in await stored(redis, keys.events(good))] == ["queued"]


async def test_frames_of_many_jobs_go_together_and_each_in_order(redis: Redis) -> None:
    jobs = [new_job() for _ in range(12)]
    publisher = ProgressPublisher(redis)
    frames = [
        event(job, "token", "streaming", domain="chat", content=str(batch), token_batch=batch)
        for batch in (1, 2, 3, 2)
        for job in jobs
    ]
    told = await publisher.publish(*frames)
    assert told == [1001] * 12 + [1002] * 12 + [1003] * 12 + [None] * 12
    for job in jobs:
        assert [e.content for e in await stored(redis, keys.events(job))] == ["1", "2", "3"]
