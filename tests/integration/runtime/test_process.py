from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
import uuid
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import grpc
import grpc.aio
import pytest
from eco2.progress.v1 import progress_service_pb2 as pb
from eco2.progress.v1.progress_service_pb2_grpc import ProgressServiceStub
from grpc_health.v1 import health_pb2, health_pb2_grpc

from mesh.local.free_ports import PortBlock
from tests.ready import is_ready
from tests.wait import until

REQUEST = pb.WatchJobRequest(job_id=str(uuid.uuid4()))
AT_ONCE = pb.WatchJobRequest(job_id=REQUEST.job_id, last_event_id="at once")
IDENTITY = (("x-user-id", str(uuid.uuid4())),)


@pytest.fixture
def ports() -> Iterator[dict[str, str]]:
    block = PortBlock()
    try:
        yield block.table(("progress", "metrics_serve"))
    finally:
        block.close()


@asynccontextmanager
async def slow_server(ports: dict[str, str], *arguments: str) -> AsyncIterator[Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.integration.runtime.slow_server", *arguments,
        stdin=PIPE, stdout=PIPE, stderr=PIPE,
        env={**os.environ, **ports, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


async def _ready(ports: dict[str, str]) -> None:
    metrics_port = int(ports["ECO2_PORT_METRICS_SERVE"])
    await until(lambda: is_ready(metrics_port), within_seconds=20, what="readiness")


def _channel(ports: dict[str, str]) -> grpc.aio.Channel:
    return grpc.aio.insecure_channel(f"127.0.0.1:{ports['ECO2_PORT_PROGRESS']}")


async def test_sigterm_lets_streams_in_flight_finish_and_refuses_new_ones(
    ports: dict[str, str],
) -> None:
    async with slow_server(ports) as process, _channel(ports) as channel:
        await _ready(ports)
        health = health_pb2_grpc.HealthStub(channel)
        assert (
            await health.Check(health_pb2.HealthCheckRequest())
        ).status == health_pb2.HealthCheckResponse.SERVING
        stream = ProgressServiceStub(channel).WatchJob(REQUEST, metadata=IDENTITY)
        await stream.read()
        process.send_signal(signal.SIGTERM)

        async def refused() -> bool:
            async with _channel(ports) as other:
                call = ProgressServiceStub(other).WatchJob(AT_ONCE, metadata=IDENTITY, timeout=2)
                try:
                    await call.read()
                except grpc.aio.AioRpcError as error:
                    return error.code() is grpc.StatusCode.UNAVAILABLE
                return False

        await until(refused, what="new calls being refused")
        assert process.stdin is not None
        process.stdin.write(b"go on\n")
        assert isinstance(await stream.read(), pb.WatchJobResponse)
        assert not isinstance(await stream.read(), pb.WatchJobResponse)  # the end
        _, errors = await asyncio.wait_for(process.communicate(), 10)
        assert process.returncode == 0
        phases = [json.loads(line).get("labels", {}).get("phase") for line in errors.splitlines()]
        assert [phase for phase in phases if phase] == ["build", "start", "drain", "drain", "stop"]


async def test_a_second_signal_cuts_the_drain_short(ports: dict[str, str]) -> None:
    async with slow_server(ports) as process, _channel(ports) as channel:
        await _ready(ports)
        stream = ProgressServiceStub(channel).WatchJob(REQUEST, metadata=IDENTITY)
        await stream.read()
        process.send_signal(signal.SIGTERM)
        assert process.stderr is not None
        while b"draining" not in (line := await process.stderr.readline()):
            assert line, "the process ended by itself"
        process.send_signal(signal.SIGTERM)
        await asyncio.wait_for(process.communicate(b"\n"), 10)
        assert process.returncode == 0


async def test_broken_background_work_ends_the_process(ports: dict[str, str]) -> None:
    async with slow_server(ports, "broken") as process:
        _, errors = await asyncio.wait_for(process.communicate(), 20)
        assert process.returncode == 1
        assert b"background work is broken" in errors


async def test_background_work_that_nobody_cancelled_does_not_end_unnoticed(
    ports: dict[str, str],
) -> None:
    async with slow_server(ports, "astray") as process:
        _, errors = await asyncio.wait_for(process.communicate(), 20)
        assert process.returncode == 1
        assert b"cancelled by nobody" in errors


async def test_background_work_that_ignores_its_end_does_not_hold_the_process(
    ports: dict[str, str],
) -> None:
    async with slow_server(ports, "deaf") as process:
        await _ready(ports)
        process.send_signal(signal.SIGTERM)
        _, errors = await asyncio.wait_for(process.communicate(), 15)
        assert process.returncode == 0
        assert b"background work does not end" in errors


async def test_a_taken_port_is_named(ports: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", int(ports["ECO2_PORT_PROGRESS"]))):
        async with slow_server(ports) as process:
            _, errors = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode != 0
    assert b"ECO2_PORT_PROGRESS" in errors


@pytest.mark.parts
async def test_migrations_apply_once_and_refuse_changed_history(
    postgres_url: str, tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pathlib import Path

    from services.runtime.migrations import MigrationError, migrate
    from services.runtime.settings import RuntimeSettings

    monkeypatch.setenv("ECO2_POSTGRES_URL", f"postgresql://{postgres_url.split('@')[-1]}")
    folder = Path(str(tmp_path)) / "shop" / "migrations"
    folder.mkdir(parents=True)
    file = folder / "0001_things.sql"
    file.write_text("CREATE TABLE things (id int);")
    settings = RuntimeSettings()
    runs = await asyncio.gather(*(migrate(settings, Path(str(tmp_path))) for _ in range(3)))
    assert sorted(len(ran) for ran in runs) == [0, 0, 1]
    file.write_text("CREATE TABLE things (id bigint);")
    with pytest.raises(MigrationError, match="changed after it was applied"):
        await migrate(settings, Path(str(tmp_path)))
    file.write_text("CREATE TABLE things (id int);")
    (folder / "0002_broken.sql").write_text("CREATE TABLE more (id int); SELECT nonsense;")
    with pytest.raises(MigrationError, match="0002_broken"):
        await migrate(settings, Path(str(tmp_path)))
    (folder / "0002_broken.sql").write_text("CREATE TABLE more (id int);")
    assert [ran.version for ran in await migrate(settings, Path(str(tmp_path)))] == [2]
