"""An ASGI application on uvicorn, under the process's own signals and phases."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator

import uvicorn

from services.runtime.component import ASGIApplication
from services.runtime.settings import RuntimeSettings


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers: the process drains in its own order."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals alone."""
        yield


class HttpServer:
    """Listens on one port."""

    def __init__(
        self, app: ASGIApplication, host: str, port: int, settings: RuntimeSettings
    ) -> None:
        self._address = f"{host}:{port}"
        self._server = _Server(
            uvicorn.Config(
                app,
                host=host,
                port=port,
                interface="asgi3",
                http="httptools",
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                date_header=False,
                proxy_headers=False,
                backlog=4096,
                timeout_keep_alive=75,  # above Envoy's idle time-out, so that Envoy closes first
                timeout_graceful_shutdown=max(1, round(settings.drain_seconds)),
            )
        )
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Listen; RuntimeError naming the address when it is taken."""
        self._task = asyncio.create_task(self._serve())
        while not self._server.started:
            if self._task.done():
                self._task.result()
                raise RuntimeError(f"{self._address} did not start")
            await asyncio.sleep(0.005)

    async def _serve(self) -> None:
        try:
            await self._server.serve()
        except SystemExit:
            raise RuntimeError(f"{self._address} is taken; stop what listens there") from None

    async def stop(self, grace_seconds: float) -> None:
        """Close the listener and wait for what is in flight, at most `grace_seconds`."""
        if self._task is None or self._task.done():
            return
        self._server.should_exit = True
        if grace_seconds <= 0:
            self._server.force_exit = True
        done, _ = await asyncio.wait({self._task}, timeout=grace_seconds + 1)
        if not done:
            self._server.force_exit = True
            await asyncio.wait({self._task}, timeout=2)
