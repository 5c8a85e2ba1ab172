"""Runs components as one process, in named phases.

    build    components are made; nothing listens yet
    start    gRPC and HTTP servers listen, background work begins; health says NOT_SERVING
    ready    every check passes; health says SERVING, and follows the checks from then on
    drain    on SIGTERM or SIGINT: NOT_SERVING, listeners close, calls, streams and records in
             flight go on within the grace period
    stop     background work is cancelled, components and what they share are closed

A second signal during drain cuts it short. A background task that ends in an exception, or ends at
all, takes the process down with exit code 1: a part that has died must not look alive.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from services.runtime import logs, telemetry
from services.runtime.component import Background, Builder, Component
from services.runtime.context import ProcessContext
from services.runtime.grpc_server import GrpcServer
from services.runtime.health import Health
from services.runtime.http_server import HttpServer
from services.runtime.ports import port
from services.runtime.settings import RuntimeSettings

log = logs.get(__name__)

COLLECTOR_THRESHOLDS = (10_000, 20, 20)
"""Cyclic garbage collection, much rarer than Python's (700, 10, 10): a server holds many long-lived
objects and makes little cyclic garbage. Measured with 5,000 open event streams: 40 % of the CPU
went into walking over them, 5 % with these."""


CANCEL_SECONDS = 3.0
"""Time background work gets to clean up; a client library may swallow a cancellation."""


class Process:
    """One operating-system process and the components in it."""

    def __init__(
        self, name: str, builders: Sequence[Builder], settings: RuntimeSettings, metrics_port: str
    ) -> None:
        self._name = name
        self._builders = builders
        self._settings = settings
        self._metrics_port = metrics_port
        self._stop = asyncio.Event()
        self._hurry = asyncio.Event()
        self._failed = False
        self.stuck = False
        """Whether something was left behind that ignores its cancellation."""

    def request_stop(self) -> None:
        """Begin to drain; asked a second time, stop draining."""
        if self._stop.is_set():
            self._hurry.set()
        self._stop.set()

    async def run(self) -> int:
        """Run until asked to stop; the exit code."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.request_stop)
        context = ProcessContext(self._settings)
        try:
            return await self._run(context)
        finally:
            await context.close()
            telemetry.shutdown()
            log.info("stopped", phase="stop")

    async def _run(self, context: ProcessContext) -> int:
        log.info("building", phase="build", components=self._name)
        components = [await build(context) for build in self._builders]
        health = Health(components)
        grpc_server = GrpcServer(self._settings, components, health)
        http_servers = [
            HttpServer(app.app, self._settings.bind_host, port(app.port), self._settings)
            for component in components
            for app in component.http
        ]
        http_servers.append(
            HttpServer(
                health.app, self._settings.bind_host, port(self._metrics_port), self._settings
            )
        )
        started: list[HttpServer] = []
        background: list[asyncio.Task[None]] = []
        try:
            for server in http_servers:
                await server.start()
                started.append(server)
            await grpc_server.start()
            background = [
                self._spawn(item) for component in components for item in (*component.background,)
            ]
            background.append(self._spawn(Background(name="health", run=health.follow)))
            log.info("listening", phase="start")
            await self._stop.wait()
            await self._drain(components, health, grpc_server, started)
        finally:
            await grpc_server.stop(0)
            for server in started:
                await server.stop(0)
            await self._cancel(background)
            for component in reversed(components):
                if component.close is not None:
                    with suppress(asyncio.CancelledError):
                        await component.close()
        return 1 if self._failed else 0

    async def _cancel(self, background: Sequence[asyncio.Task[None]]) -> None:
        """Cancel background work; a task that swallows it is left behind after a while."""
        for task in background:
            task.cancel()
        if background:
            _, stuck = await asyncio.wait(background, timeout=CANCEL_SECONDS)
            for task in stuck:
                log.error("background work does not end", work=task.get_name())
            self.stuck = bool(stuck)

    async def _drain(
        self,
        components: Sequence[Component],
        health: Health,
        grpc_server: GrpcServer,
        http_servers: Sequence[HttpServer],
    ) -> None:
        grace = 0.0 if self._failed else self._settings.drain_seconds
        log.info("draining", phase="drain", grace_seconds=grace)
        started = time.monotonic()
        await health.drain()
        work = asyncio.gather(
            grpc_server.stop(grace),
            *(server.stop(grace) for server in http_servers),
            *(component.drain(grace) for component in components if component.drain is not None),
            return_exceptions=True,
        )
        hurry = asyncio.ensure_future(self._hurry.wait())
        waited: set[asyncio.Future[Any]] = {work, hurry}
        await asyncio.wait(waited, timeout=grace + 2, return_when=asyncio.FIRST_COMPLETED)
        hurry.cancel()
        if work.done():
            for outcome in work.result():
                if isinstance(outcome, Exception):
                    log.error("drain failed", error=repr(outcome))
        else:
            work.cancel()
        log.info("drained", phase="drain", seconds=round(time.monotonic() - started, 3))

    def _spawn(self, item: Background) -> asyncio.Task[None]:
        """Run background work; its end is the end of the process."""

        async def watched() -> None:
            try:
                await item.run()
            except asyncio.CancelledError:
                task = asyncio.current_task()
                if task is None or task.cancelling():
                    raise
                # by something it waited for that had been cancelled itself
                log.exception("background work was cancelled by nobody", work=item.name)
            except Exception:
                log.exception("background work failed", work=item.name)
            else:
                log.error("background work ended", work=item.name)
            self._failed = True
            self.request_stop()

        return asyncio.create_task(watched(), name=item.name)


def run(
    name: str, builders: Sequence[Builder], settings: RuntimeSettings, metrics_port: str
) -> int:
    """Configure logging and tracing, install uvloop and run; the exit code."""
    import uvloop

    logs.configure(f"eco2-{name}", settings.profile, settings.log_level)
    telemetry.configure(settings, f"eco2-{name}")
    gc.set_threshold(*COLLECTOR_THRESHOLDS)
    gc.freeze()  # what was imported stays
    process = Process(name, builders, settings, metrics_port)
    runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)
    code = runner.run(process.run())
    if process.stuck:  # closing the loop would wait for what does not end
        logging.shutdown()
        os._exit(code)
    runner.close()
    return code
