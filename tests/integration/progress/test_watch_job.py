"""WatchJob, the typed face of a job's stream."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator

import grpc
import pytest
from eco2.progress.v1 import progress_pb2, progress_service_pb2, progress_service_pb2_grpc
from redis.asyncio import Redis

from streaming.progress.event import ProgressEvent
from streaming.progress.publisher import ProgressPublisher
from tests.wait import until

from .bridge import USER, Bridge, running_bridge
from .conftest import RedisServer

pytestmark = pytest.mark.parts


@pytest.fixture(scope="module")
async def bridge(redis_server: RedisServer) -> AsyncIterator[Bridge]:
    async with running_bridge(redis_server.url) as running:
        yield running


@pytest.fixture
async def job_id(redis: Redis) -> str:
    job_id = str(uuid.uuid4())
    await ProgressPublisher(redis).open_job(job_id, domain="scan", user_id=USER)
    return job_id


async def watch(
    bridge: Bridge, job_id: str, *, after: str | None = None, user: str = USER
) -> list[progress_pb2.ProgressEvent]:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{bridge.rpc_port}") as channel:
        stub = progress_service_pb2_grpc.ProgressServiceStub(channel)
        request = progress_service_pb2.WatchJobRequest(job_id=job_id, last_event_id=after)
        call = stub.WatchJob(request, metadata=(("x-user-id", user),), timeout=20)
        return [response.event async for response in call]


async def test_stream_is_replayed_followed_and_ended(
    bridge: Bridge, redis: Redis, job_id: str
) -> None:
    publisher = ProgressPublisher(redis)
    await publisher.publish(ProgressEvent(job_id=job_id, stage="vision", status="started"))
    watching = asyncio.create_task(watch(bridge, job_id))
    await until(lambda: bridge.core.open_streams == 1)
    await publisher.publish(
        ProgressEvent(job_id=job_id, stage="vision", status="completed", message="분류 완료"),
        ProgressEvent(job_id=job_id, stage="done", status="completed", result='{"a":1}'),
    )
    events = await watching
    assert [(e.stage, e.status, e.seq) for e in events] == [
        ("vision", "started", 10), ("vision", "completed", 11), ("done", "completed", 51),
    ]  # fmt: skip
    assert events[1].progress == 25
    assert events[1].message == "분류 완료"
    assert not events[2].HasField("progress")
    assert events[2].result_json == '{"a":1}'
    assert await watch(bridge, job_id, after=events[0].event_id) == events[1:]


async def test_somebody_elses_job_does_not_exist(bridge: Bridge, job_id: str) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as failure:
        await watch(bridge, job_id, user=str(uuid.uuid4()))
    assert failure.value.code() is grpc.StatusCode.NOT_FOUND


async def test_cancelled_watch_is_forgotten(bridge: Bridge, job_id: str) -> None:
    watching = asyncio.create_task(watch(bridge, job_id))
    await until(lambda: bridge.core.open_streams == 1)
    watching.cancel()
    await until(lambda: bridge.core.open_streams == 0)


async def test_drain_tells_the_watcher_to_resume_elsewhere(
    redis_server: RedisServer, redis: Redis, job_id: str
) -> None:
    async with running_bridge(redis_server.url) as bridge:
        watching = asyncio.create_task(watch(bridge, job_id))
        await until(lambda: bridge.core.open_streams == 1)
        await bridge.core.drain(0)
        with pytest.raises(grpc.aio.AioRpcError) as failure:
            await watching
    assert failure.value.code() is grpc.StatusCode.UNAVAILABLE
