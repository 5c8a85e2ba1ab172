"""The bridge as a process of its own: killed, and asked to stop."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from redis.asyncio import Redis

from services.runtime.ports import env_name
from streaming.progress import keys
from streaming.progress.event import ProgressEvent
from streaming.progress.publisher import ProgressPublisher
from tests.ports import free_port
from tests.wait import until

from .bridge import USER, Client
from .conftest import RedisServer

pytestmark = pytest.mark.parts

ROOT = Path(__file__).resolve().parents[3]
BRIDGE = """
from edge.progress.app import build
from services.runtime.process import run
from services.runtime.settings import RuntimeSettings
raise SystemExit(run("progress", [build], RuntimeSettings(), "metrics_progress"))
"""
PORTS = ("progress", "progress_sse", "metrics_progress", "scan")


@contextlib.asynccontextmanager
async def bridge_process(redis_url: str, port: int) -> AsyncIterator[asyncio.subprocess.Process]:
    """A bridge whose SSE face listens on `port`."""
    ports = {name: free_port() for name in PORTS} | {"progress_sse": port}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", BRIDGE, cwd=ROOT,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "gen" / "python")]),
            "ECO2_REDIS_URL": redis_url,
            "ECO2_LOG_LEVEL": "WARNING",
            "ECO2_DRAIN_SECONDS": "15",
            **{env_name(name): str(number) for name, number in ports.items()},
        },
    )  # fmt: skip

    async def listening() -> bool:
        with contextlib.suppress(OSError):
            return (await Client.get(port, "/elsewhere")).status == 404
        return False

    try:
        await until(listening, within_seconds=20, what="the bridge listening")
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def events(job_id: str) -> list[ProgressEvent]:
    steps = [(stage, status) for stage in ("vision", "rule") for status in ("started", "completed")]
    return [
        ProgressEvent(job_id=job_id, stage=stage, status=status)
        for stage, status in [*steps, ("done", "completed")]
    ]


async def test_killed_bridge_costs_a_returning_client_nothing(
    redis_server: RedisServer, redis: Redis
) -> None:
    job_id, port, publisher = str(uuid.uuid4()), free_port(), ProgressPublisher(redis)
    await publisher.open_job(job_id, domain="scan", user_id=USER)
    path = f"/api/v1/scan/{job_id}/events"
    first, *rest = events(job_id)
    async with bridge_process(redis_server.url, port) as process:
        client = await Client.get(port, path)
        await publisher.publish(first)
        seen = await client.event()
        assert seen is not None
        process.kill()
        await process.wait()
        await publisher.publish(*rest[:2])
    async with bridge_process(redis_server.url, port):
        client = await Client.get(port, path, last_event_id=seen.fields["id"])
        await publisher.publish(*rest[2:])
        assert [f.data["seq"] for f in await client.rest()] == [11, 20, 21, 51]


async def test_bridge_that_is_asked_to_stop_lets_a_stream_finish(
    redis_server: RedisServer, redis: Redis
) -> None:
    job_id, port, publisher = str(uuid.uuid4()), free_port(), ProgressPublisher(redis)
    await publisher.open_job(job_id, domain="scan", user_id=USER)
    first, *rest = events(job_id)
    async with bridge_process(redis_server.url, port) as process:
        client = await Client.get(port, f"/api/v1/scan/{job_id}/events")
        await publisher.publish(first)
        assert await client.event() is not None
        process.send_signal(signal.SIGTERM)

        async def refusing() -> bool:
            try:
                return (await Client.get(port, f"/api/v1/scan/{job_id}/events")).status == 503
            except (OSError, asyncio.IncompleteReadError):
                return True  # the listener is closed already

        await until(refusing, what="new streams refused")
        await publisher.publish(*rest)
        assert [f.data["seq"] for f in await client.rest()] == [11, 20, 21, 51]
        async with asyncio.timeout(10):
            assert await process.wait() == 0


async def test_frozen_bridge_catches_up(redis_server: RedisServer, redis: Redis) -> None:
    """SIGSTOP for a while, the shard streams trimmed meanwhile; nothing is missing afterwards."""
    job_id, port = str(uuid.uuid4()), free_port()
    publisher = ProgressPublisher(redis, shard_seconds=0.05)
    await publisher.open_job(job_id, domain="scan", user_id=USER)
    first, *missed, last = events(job_id)
    async with bridge_process(redis_server.url, port) as process:
        client = await Client.get(port, f"/api/v1/scan/{job_id}/events")
        await publisher.publish(first)
        assert await client.event() is not None

        # A stream that comes and goes between two reads was never there. One that the bridge knows
        # it misses, whatever it was about to do when it was frozen.
        known = await comparisons(redis)

        async def compared() -> bool:
            return await comparisons(redis) > known

        await until(compared, what="the bridge comparing what it read with what was added")
        process.send_signal(signal.SIGSTOP)
        for event in missed:
            await publisher.publish(event)
        await redis.delete(*keys.SHARD_STREAMS)
        process.send_signal(signal.SIGCONT)
        for expected in (11, 20, 21):
            frame = await client.event()
            assert frame is not None
            assert frame.data["seq"] == expected
        await publisher.publish(last)
        assert [f.event for f in await client.rest()] == ["done"]


async def comparisons(redis: Redis) -> int:
    """How often the shard streams were compared with what was read of them."""
    known = (await redis.info("commandstats")).get("cmdstat_xinfo|stream", {"calls": 0})
    return int(known["calls"]) // keys.SHARDS
