from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest_asyncio
from eco2.info.v1 import info_service_pb2 as pb
from eco2.info.v1 import news_pb2
from eco2.info.v1.info_service_pb2_grpc import InfoServiceStub
from redis.asyncio import Redis

from mesh.local.ephemeral import EphemeralParts
from mesh.local.free_ports import PortBlock
from services.info.app import build
from tests.serving import migrated, serving

CALLER = (("x-user-id", "9b2f6f0e-8f39-4c83-a3a9-0c9a3f1f7f11"), ("x-eco2-edge", "1"))
NEWEST = datetime(2026, 2, 1, 12, 0, tzinfo=UTC)


@dataclass
class Info:
    """The served domain with what lies behind it."""

    stub: Any
    database: asyncpg.Pool
    redis: Redis

    async def news(self, **fields: Any) -> pb.ListNewsResponse:
        """A page as the app asks for it."""
        page: pb.ListNewsResponse = await self.stub.ListNews(
            pb.ListNewsRequest(**fields), metadata=CALLER
        )
        return page

    async def pages(self, **fields: Any) -> list[pb.ListNewsResponse]:
        """Every page from the newest to the last."""
        found = [await self.news(**fields)]
        while found[-1].has_more:
            found.append(await self.news(**fields, cursor=found[-1].next_cursor))
        return found

    async def upsert(self, articles: Sequence[news_pb2.CollectedArticle]) -> tuple[int, int]:
        """Store articles; how many were new, and how many have changed."""
        answer = await self.stub.UpsertNews(pb.UpsertNewsRequest(articles=articles))
        return answer.inserted, answer.updated

    async def clear(self) -> None:
        """No news at all."""
        await self.database.execute("DELETE FROM news_articles")
        await self.redis.flushdb()


def collected(number: int, **changes: Any) -> news_pb2.CollectedArticle:
    """The number-th newest article."""
    when = changes.pop("published_at", NEWEST - timedelta(minutes=number))
    fields: dict[str, Any] = {
        "id": f"rss_{number:012x}",
        "url": f"https://news.example.kr/{number}",
        "title": f"소식 {number}",
        "snippet": "내용",
        "source": "rss",
        "source_name": "예시 신문",
        "category": "environment",
        **changes,
    }
    message = news_pb2.CollectedArticle(**fields)
    message.published_at.FromDatetime(when)
    return message


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def served(parts: EphemeralParts) -> AsyncIterator[Info]:
    """The info domain on a database of its own and its own Redis database."""
    environ = parts.environ | await migrated(parts.postgres_url("info"))
    environ["ECO2_REDIS_URL"] = parts.redis_url.removesuffix("/0") + "/7"
    environ["ECO2_NEWS_CACHE_ARTICLES"] = "20"
    ports = PortBlock()
    environ |= ports.table(("info",))
    async with serving((build,), environ, background=True) as context:
        stub = InfoServiceStub(context.channel("info"))
        yield Info(stub, await context.pool("info"), context.redis())
    ports.close()


@pytest_asyncio.fixture(loop_scope="session")
async def info(served: Info) -> Info:
    """The domain without any news."""
    await served.clear()
    return served
