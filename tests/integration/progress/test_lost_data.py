"""What the bridge does when Redis has forgotten, lost or never known a job."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from streaming.progress import keys
from tests.wait import until

from .bridge import Bridge, running_bridge
from .conftest import RedisServer, lose
from .scans import Scan, finished_job, reason_of, scan_events

pytestmark = pytest.mark.parts


@pytest.fixture(scope="module")
async def bridge(redis_server: RedisServer) -> AsyncIterator[Bridge]:
    async with running_bridge(redis_server.url) as running:
        yield running


@pytest.fixture
async def scan(redis: Redis) -> Scan:
    return await Scan(redis).open()


async def test_job_redis_has_forgotten_is_known_to_its_domain(bridge: Bridge) -> None:
    job_id = str(uuid.uuid4())
    bridge.scan.jobs[job_id] = finished_job(job_id)
    (done,) = await (await bridge.client(job_id)).rest()
    assert done.event == "done"
    assert done.fields["id"] == "1769552400005-0"
    assert done.data["seq"] == 51
    assert done.data["result"]["reward"] is None
    stranger = await bridge.client(job_id, user=str(uuid.uuid4()))
    assert stranger.status == 404


@pytest.mark.parametrize("status", ["failed", "cancelled"])
async def test_job_that_ended_badly_ends_with_an_error(bridge: Bridge, status: str) -> None:
    job_id = str(uuid.uuid4())
    bridge.scan.jobs[job_id] = finished_job(job_id, status)
    (error,) = await (await bridge.client(job_id)).rest()
    assert error.event == "error"
    assert error.data["status"] == "failed"
    assert error.data["result"]["error"] == error.data["message"] != ""


async def test_done_arrives_although_redis_was_emptied(
    bridge: Bridge, scan: Scan, redis: Redis
) -> None:
    client = await bridge.client(scan.job_id)
    await scan.say("vision")
    for expected in ("queued", "vision"):
        frame = await client.event()
        assert frame is not None
        assert frame.event == expected
    bridge.scan.jobs[scan.job_id] = finished_job(scan.job_id, "processing")
    await lose(redis)
    await until(lambda: bridge.scan.asked.count(scan.job_id) >= 2, what="questions to the domain")
    bridge.scan.jobs[scan.job_id] = finished_job(scan.job_id)
    (done,) = await client.rest()
    assert done.event == "done"


async def test_events_go_on_after_redis_was_emptied(
    bridge: Bridge, scan: Scan, redis: Redis
) -> None:
    bridge.scan.jobs[scan.job_id] = finished_job(scan.job_id, "processing")
    client = await bridge.client(scan.job_id)
    await scan.say("vision")
    await lose(redis)
    await redis.script_flush()
    await scan.run()
    seqs = [f.data["seq"] for f in await client.rest()]
    assert seqs == [0, 10, 11, 20, 21, 30, 31, 40, 41, 51]


async def test_client_comes_back_after_redis_was_emptied(
    bridge: Bridge, scan: Scan, redis: Redis
) -> None:
    first = await bridge.client(scan.job_id)
    queued = await first.event()
    first.close()
    assert queued is not None
    await lose(redis)
    bridge.scan.jobs[scan.job_id] = finished_job(scan.job_id, "processing")
    second = await bridge.client(scan.job_id, last_event_id=queued.fields["id"])
    assert second.status == 200
    bridge.scan.jobs[scan.job_id] = finished_job(scan.job_id)
    assert [f.event for f in await second.rest()] == ["done"]


async def test_silent_job_is_asked_about(redis_server: RedisServer, redis: Redis) -> None:
    scan = await Scan(redis).open()
    async with running_bridge(
        redis_server.url, progress_idle_check_seconds=0.2, progress_keepalive_seconds=1
    ) as bridge:
        client = await bridge.client(scan.job_id)
        bridge.scan.jobs[scan.job_id] = finished_job(scan.job_id)
        assert [f.event for f in await client.rest()] == ["queued", "done"]


async def test_a_scan_whose_worker_died_before_it_told_is_told_to_its_end(
    redis_server: RedisServer, redis: Redis
) -> None:
    """The result was stored, and the worker died before it published `reward` and `done`."""
    scan = await Scan(redis).open()
    async with running_bridge(
        redis_server.url, progress_idle_check_seconds=0.2, progress_keepalive_seconds=1
    ) as bridge:
        client = await bridge.client(scan.job_id)
        await scan.publish(*scan_events(scan.job_id)[:-2])
        seen = [await client.event() for _ in range(8)]
        assert seen[-1] is not None
        back = await bridge.client(scan.job_id, last_event_id=seen[-1].fields["id"])
        bridge.scan.jobs[scan.job_id] = finished_job(scan.job_id)
        for stream in (client, back):
            stored, done = await stream.rest()
            assert (stored.event, stored.data["status"]) == ("reward", "completed")
            assert (stored.data["seq"], stored.data["progress"]) == (41, 100)
            assert (done.event, done.data["seq"]) == ("done", 51)
            assert stored.fields["id"] != done.fields["id"]
        await scan.publish(*scan_events(scan.job_id)[-2:])  # the record was read again
        late = await bridge.client(scan.job_id)
        seqs = [frame.data["seq"] for frame in await late.rest()]
        assert seqs == [0, 10, 11, 20, 21, 30, 31, 40, 41, 51]


async def test_nobody_can_say_whose_job_it_is(redis_server: RedisServer) -> None:
    async with running_bridge("redis://127.0.0.1:1/0") as bridge:
        bridge.scan.failing = True
        refused = await bridge.client(str(uuid.uuid4()))
        assert (refused.status, reason_of(refused)) == (503, "DEPENDENCY_UNAVAILABLE")


async def test_restart_of_redis_loses_and_repeats_nothing(
    redis_server: RedisServer, redis: Redis
) -> None:
    scan = await Scan(redis).open()
    events = scan_events(scan.job_id)
    async with running_bridge(redis_server.url) as bridge:
        client = await bridge.client(scan.job_id)
        await scan.publish(*events[:3])
        redis_server.kill()
        bridge.scan.jobs[scan.job_id] = finished_job(scan.job_id, "processing")
        late = await bridge.client(scan.job_id)  # its owner is known to the domain
        assert late.status == 200
        redis_server.start()
        await scan.publish(*events[3:])
        for stream in (client, late):
            seqs = [f.data["seq"] for f in await stream.rest()]
            assert seqs == [0, 10, 11, 20, 21, 30, 31, 40, 41, 51]


async def test_frozen_bridge_replays_what_the_shards_no_longer_hold(
    bridge: Bridge, scan: Scan, redis: Redis
) -> None:
    client = await bridge.client(scan.job_id)
    await client.event()
    # what a long pause looks like to the tail: the entry was added, and is gone before it is read
    shard = keys.SHARD_STREAMS[keys.shard_of(scan.job_id)]
    async with redis.pipeline(transaction=True) as pipeline:
        pipeline.xadd(shard, {"other": "entry"})
        pipeline.xtrim(shard, maxlen=0)
        await pipeline.execute()
    await scan.run()
    assert [f.data["seq"] for f in await client.rest()] == [10, 11, 20, 21, 30, 31, 40, 41, 51]
