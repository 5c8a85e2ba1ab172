"""A bridge on a free port with a scan service to ask, and a client that reads its streams."""

from __future__ import annotations

import asyncio
import contextlib
import json
import uuid
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import grpc
from eco2.progress.v1 import progress_service_pb2_grpc
from eco2.scan.v1 import scan_pb2, scan_service_pb2, scan_service_pb2_grpc
from pydantic import SecretStr

from edge.progress.core import ProgressCore
from edge.progress.jobs import ScanJobs
from edge.progress.service import ProgressServicer
from edge.progress.settings import ProgressSettings
from edge.progress.sse import SseBridge
from services.runtime import redis_clients, routes
from services.runtime.http_server import HttpServer
from services.runtime.interceptors.errors import errors
from services.runtime.interceptors.identity import identity
from services.runtime.interceptors.layers import Layers
from services.runtime.interceptors.validation import validation
from tests.ports import free_port

USER = str(uuid.uuid4())


@dataclass
class Frame:
    """A frame as a browser would see it: its fields, and the comments in it."""

    fields: dict[str, str] = field(default_factory=dict)
    comment: str | None = None

    @property
    def event(self) -> str:
        return self.fields.get("event", "")

    @property
    def data(self) -> dict[str, Any]:
        parsed = json.loads(self.fields["data"])
        assert isinstance(parsed, dict)
        return parsed


class Client:
    """One GET on an event stream over a plain socket."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, status: int,
        headers: Mapping[str, str], body: bytes,
    ) -> None:  # fmt: skip
        self.status, self.headers, self.body = status, headers, body
        self._reader, self._writer = reader, writer
        self._buffer = b""

    @classmethod
    async def get(
        cls, port: int, path: str, *, user: str | None = USER, last_event_id: str | None = None,
        method: str = "GET",
    ) -> Self:  # fmt: skip
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        lines = [f"{method} {path} HTTP/1.1", "host: bridge"]
        if user is not None:
            lines.append(f"x-user-id: {user}")
        if last_event_id is not None:
            lines.append(f"last-event-id: {last_event_id}")
        writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
        length = headers.get("content-length")
        body = await reader.readexactly(int(length)) if length else b""
        return cls(reader, writer, int(head[0].split()[1]), headers, body)

    async def frame(self) -> Frame | None:
        """The next frame; None when the server has ended the stream."""
        while b"\r\n\r\n" not in self._buffer:
            size = int(await self._reader.readline(), 16)
            chunk = await self._reader.readexactly(size + 2)
            if size == 0:
                return None
            self._buffer += chunk[:-2]
        raw, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        frame = Frame()
        for line in raw.decode().split("\r\n"):
            name, _, value = line.partition(":")
            if name:
                frame.fields[name] = value.removeprefix(" ")
            else:
                frame.comment = value.strip()
        return frame

    async def event(self, *, but: tuple[str, ...] = ("keepalive",)) -> Frame | None:
        """The next named event, keepalives left out; None at the end."""
        while True:
            frame = await self.frame()
            if frame is None or (frame.event and frame.event not in but):
                return frame

    async def rest(self) -> list[Frame]:
        """All events until the end."""
        frames = []
        while (frame := await self.event()) is not None:
            frames.append(frame)
        return frames

    def close(self) -> None:
        self._writer.close()


class ScanJobsOfTests(scan_service_pb2_grpc.ScanServiceServicer):
    """GetJob over a table the test fills."""

    def __init__(self) -> None:
        self.jobs: dict[str, scan_pb2.Job] = {}
        self.asked: list[str] = []
        self.failing = False

    async def GetJob(self, request: Any, context: Any) -> scan_service_pb2.GetJobResponse:
        self.asked.append(request.job_id)
        if self.failing:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "down")
        if request.job_id not in self.jobs:
            await context.abort(grpc.StatusCode.NOT_FOUND, "no such job")
        return scan_service_pb2.GetJobResponse(job=self.jobs[request.job_id])


@dataclass
class Bridge:
    """A running bridge."""

    port: int
    rpc_port: int
    core: ProgressCore
    scan: ScanJobsOfTests
    app: SseBridge

    async def client(self, job_id: str, *, domain: str = "scan", **how: Any) -> Client:
        return await Client.get(self.port, f"/api/v1/{domain}/{job_id}/events", **how)


@contextlib.asynccontextmanager
async def running_bridge(redis_url: str, **settings: Any) -> AsyncIterator[Bridge]:
    """A bridge and WatchJob on free ports, the tail following, and a scan service on a socket."""
    chosen = ProgressSettings(
        redis_url=SecretStr(redis_url), **{"progress_job_poll_seconds": 0.1, **settings}
    )
    scan = ScanJobsOfTests()  # type: ignore[abstract]  # the bridge calls GetJob only
    scan_server = grpc.aio.server()
    scan_service_pb2_grpc.add_ScanServiceServicer_to_server(scan, scan_server)
    scan_port = scan_server.add_insecure_port("127.0.0.1:0")
    await scan_server.start()
    async with (
        redis_clients.connect(chosen, redis_clients.Role.COMMAND) as commands,
        redis_clients.connect(chosen, redis_clients.Role.BLOCKING) as blocking,
        grpc.aio.insecure_channel(f"127.0.0.1:{scan_port}") as channel,
    ):
        core = ProgressCore(
            commands=commands,
            blocking=blocking,
            sources={"scan": ScanJobs(channel)},
            settings=chosen,
        )
        background = [
            asyncio.create_task(run()) for run in (core.run_tail, core.run_clock, core.run_endings)
        ]
        app = SseBridge(core, chosen, routes.sse_templates())
        http = HttpServer(app, "127.0.0.1", port := free_port(), chosen)
        await http.start()
        rpc_server = grpc.aio.server()
        progress_service_pb2_grpc.add_ProgressServiceServicer_to_server(
            ProgressServicer(core), Layers((errors, identity, validation)).around(rpc_server)
        )
        rpc_port = rpc_server.add_insecure_port("127.0.0.1:0")
        await rpc_server.start()
        try:
            yield Bridge(port, rpc_port, core, scan, app)
        finally:
            await core.drain(0)
            await http.stop(0)
            await rpc_server.stop(None)
            for task in background:
                task.cancel()
            outcomes = await asyncio.gather(*background, return_exceptions=True)
            await scan_server.stop(None)
            assert all(isinstance(outcome, asyncio.CancelledError) for outcome in outcomes)
