from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import pytest_asyncio
from aiohttp import web
from eco2.info.v1 import info_service_pb2 as pb
from eco2.info.v1.info_service_pb2_grpc import InfoServiceStub

from mesh.local.ephemeral import EphemeralParts
from mesh.local.free_ports import PortBlock
from services.info.app import build as build_info
from services.runtime.component import Builder, Component
from services.runtime.context import ProcessContext
from services.runtime.ports import HOST
from streaming.workers.news.settings import NewsSettings
from tests.integration.info.conftest import CALLER
from tests.serving import migrated, serving

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

KEYS = {
    "ECO2_NAVER_CLIENT_ID": "id-5f0c1e",
    "ECO2_NAVER_CLIENT_SECRET": "secret-5f0c1e",
    "ECO2_NEWSDATA_API_KEY": "pub-5f0c1e",
}


@dataclass
class Internet:
    """The rest of the world on one port of loopback: paths answer as a test says."""

    port: int = 0
    pages: dict[str, Handler] = field(default_factory=dict)
    asked: Counter[str] = field(default_factory=Counter)
    last: dict[str, web.Request] = field(default_factory=dict)

    def url(self, path: str) -> str:
        return f"http://{HOST}:{self.port}{path}"

    def serves(
        self,
        path: str,
        body: str | bytes,
        content_type: str = "text/xml",
        *,
        status: int = 200,
        encoding: str = "identity",
    ) -> str:
        """Let a path answer with a text; its address."""
        raw = body if isinstance(body, bytes) else body.encode()

        async def answer(_: web.Request) -> web.StreamResponse:
            headers = {"content-type": content_type, "content-encoding": encoding}
            return web.Response(body=raw, status=status, headers=headers)

        self.pages[path] = answer
        return self.url(path)

    def redirects(self, path: str, to: str) -> str:
        async def answer(_: web.Request) -> web.StreamResponse:
            return web.Response(status=302, headers={"location": to})

        self.pages[path] = answer
        return self.url(path)

    def pours(self, path: str, chunk: bytes, every_seconds: float = 0.0) -> str:
        """Let a path answer without end."""

        async def answer(request: web.Request) -> web.StreamResponse:
            response = web.StreamResponse(headers={"content-type": "text/xml"})
            await response.prepare(request)
            with suppress(ConnectionError):
                while True:
                    await response.write(chunk)
                    await asyncio.sleep(every_seconds)
            return response

        self.pages[path] = answer
        return self.url(path)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.asked[request.path] += 1
        self.last[request.path] = request
        page = self.pages.get(request.path)
        return web.Response(status=404) if page is None else await page(request)


@pytest_asyncio.fixture(loop_scope="session")
async def internet() -> AsyncIterator[Internet]:
    """A server of strangers."""
    made = Internet()
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", made.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, HOST, 0)
    await site.start()
    made.port = runner.addresses[0][1]
    yield made
    await runner.cleanup()


async def read_settings(context: ProcessContext) -> Component:
    """Nothing to run, but the worker's settings of this environment."""
    context.settings(NewsSettings)
    return Component(name="settings")


@dataclass
class Newsroom:
    """The info domain, and the worker's settings."""

    environ: dict[str, str]
    info: ProcessContext

    @asynccontextmanager
    async def working(self, *builders: Builder, **settings: str) -> AsyncIterator[ProcessContext]:
        """A process with the worker's settings; upper-case names without ``ECO2_``."""
        changes = {f"ECO2_{name}": value for name, value in settings.items()}
        async with serving(
            (read_settings, *builders), self.environ | changes, background=True
        ) as context:
            yield context

    async def news(self) -> list[Any]:
        """What the app would see."""
        stub: Any = InfoServiceStub(self.info.channel("info"))
        page = await stub.ListNews(pb.ListNewsRequest(limit=50), metadata=CALLER)
        return list(page.articles)


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def running(parts: EphemeralParts) -> AsyncIterator[Newsroom]:
    """The info domain on a database of its own and its own Redis database."""
    environ = parts.environ | await migrated(parts.postgres_url("news"))
    environ["ECO2_REDIS_URL"] = parts.redis_url.removesuffix("/0") + "/8"
    ports = PortBlock()
    environ |= ports.table(("info",))
    environ["ECO2_NEWS_ALLOWED_NETWORKS"] = f"{HOST}/32"
    async with serving((build_info,), environ, background=True) as context:
        yield Newsroom(environ, context)
    ports.close()


@pytest_asyncio.fixture(loop_scope="session")
async def newsroom(running: Newsroom) -> Newsroom:
    """The domain without any news, turn or count."""
    await (await running.info.pool("info")).execute("DELETE FROM news_articles")
    await running.info.redis().flushdb()
    return running
