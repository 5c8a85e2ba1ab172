"""Somebody else's HTTP server on loopback, which answers as a test says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

from services.runtime.ports import HOST

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Stranger:
    """The server; remembers what it was asked."""

    answer: Handler | None = None
    asked: list[web.Request] = field(default_factory=list)
    port: int = 0

    @property
    def origin(self) -> str:
        return f"http://{HOST}:{self.port}"

    @property
    def url(self) -> str:
        return f"{self.origin}/v1/things"

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request)
        assert self.answer is not None
        return await self.answer(request)


@asynccontextmanager
async def listening() -> AsyncIterator[Stranger]:
    """A server on a free port."""
    made = Stranger()
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", made.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, HOST, 0).start()
        made.port = runner.addresses[0][1]
        yield made
    finally:
        await runner.cleanup()


def always(status: int = 200, body: bytes = b'{"ok":true}', **headers: str) -> Handler:
    """The same answer to whatever is asked."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}

    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=status, body=body, headers=sent)

    return answer


def first(*statuses: int, then: Handler) -> Handler:
    """These statuses, each once, and another answer from then on."""
    left = list(statuses)

    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(status=left.pop(0)) if left else await then(request)

    return answer


async def never(_: web.Request) -> web.StreamResponse:
    """Take the question and keep silent."""
    await asyncio.Event().wait()
    raise AssertionError


async def flood(request: web.Request) -> web.StreamResponse:
    """Ten megabytes of spaces."""
    response = web.StreamResponse()
    await response.prepare(request)
    for _ in range(160):
        await response.write(b" " * 65_536)
    return response
