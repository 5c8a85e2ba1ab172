"""How long a page of news takes: from the cache, and from PostgreSQL among a million articles.

    make bench-news                                   # a million articles, 100 requests/s
    make bench-news BENCH_ARGS="--articles 100000 --seconds 5"

Real PostgreSQL and Redis; the info service as a process of its own, as ``eco2 serve info`` runs it;
this process asks ListNews over gRPC at a constant rate. A request is due at its own time, whatever
became of those before, and its latency counts from then. CPU is user + system time of the service
over a run, divided by its requests.

- ``cache``: pages of the app's four feeds, the first ones most often;
- ``beyond the cache``: pages at random places of the whole list, by every combination of filters;
- ``without Redis``: the same, and first pages, while nothing listens where Redis should be.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import os
import random
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import asyncpg
import uvloop
from eco2.info.v1 import info_service_pb2 as pb
from eco2.info.v1.info_service_pb2_grpc import InfoServiceStub

from mesh.local.ephemeral import EphemeralParts
from services.runtime.identity import USER_ID
from services.runtime.migrations import migrate
from services.runtime.settings import RuntimeSettings
from tests.bench import machine
from tests.bench.scan_service import Meter
from tests.bench.served import at_rate, served
from tests.wait import until

RATE: Final = 100
CACHE_P99_MS: Final = 10.0
DATABASE_P99_MS: Final = 25.0

NEWEST: Final = datetime(2026, 3, 1, tzinfo=UTC)
APART: Final = timedelta(seconds=30)
"""Between two articles: a million of them are 11 months."""

CATEGORIES: Final = ("environment", "energy", "ai")
CALLER: Final = ((USER_ID, "9b2f6f0e-8f39-4c83-a3a9-0c9a3f1f7f11"), ("x-eco2-edge", "1"))

Ask = Callable[[random.Random], pb.ListNewsRequest]
"""Makes the next request."""


def rows(count: int) -> Iterator[tuple[Any, ...]]:
    """Articles as the collectors bring them, newest last; sources and pictures are uneven."""
    chance = random.Random(1)
    text = "재활용 가능 자원의 분리배출을 늘리려는 지자체의 새 사업이 시작된다. " * 6
    for number in range(count):
        source = chance.choices(("naver", "newsdata", "rss"), (90, 9, 1))[0]
        url = f"https://news{number % 500}.example.kr/articles/{number}"
        yield (
            f"{source}_{number:012x}",
            number.to_bytes(16, "big"),
            url,
            f"분리배출 소식 {number}",
            text[: 100 + number % 150],
            source,
            f"예시 신문 {number % 500}",
            chance.choices(CATEGORIES, (70, 25, 5))[0],
            NEWEST - APART * (count - number),
            f"{url}/thumbnail.jpg" if number % 3 else None,
            ["재활용", "분리배출", "환경"] if number % 2 else [],
        )


async def fill(url: str, count: int) -> None:
    """COPY articles in; indexes are made afterwards, which takes a third of the time."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("SET search_path TO info; SET maintenance_work_mem TO '256MB'")
        indexes = await connection.fetch(
            "SELECT indexname, indexdef FROM pg_indexes"
            " WHERE schemaname = 'info' AND indexdef NOT LIKE '%UNIQUE%'"
        )
        for index in indexes:
            await connection.execute(f'DROP INDEX "{index["indexname"]}"')
        articles = rows(count)
        while batch := list(itertools.islice(articles, 50_000)):
            await connection.copy_records_to_table(
                "news_articles",
                records=batch,
                columns=("id", "url_key", "url", "title", "snippet", "source", "source_name",
                         "category", "published_at", "thumbnail_url", "keywords"),
            )  # fmt: skip
        for index in indexes:
            await connection.execute(index["indexdef"])
        await connection.execute("VACUUM ANALYZE news_articles")
    finally:
        await connection.close()


@dataclass(frozen=True, slots=True)
class Row:
    """One run."""

    name: str
    milliseconds: Sequence[float]
    cpu_us: float
    bytes_each: float
    cached: float
    """Share of pages that came from the cache."""
    bar_ms: float

    @property
    def p99_ms(self) -> float:
        return statistics.quantiles(self.milliseconds, n=100)[98]

    def __str__(self) -> str:
        quantiles = statistics.quantiles(self.milliseconds, n=100)
        return (
            f"{self.name:18} {len(self.milliseconds):6} pages   p50 {quantiles[49]:5.1f}"
            f"   p95 {quantiles[94]:5.1f}   p99 {quantiles[98]:5.1f} ms (bar {self.bar_ms:g})"
            f"   {self.cpu_us:5.0f} µs CPU   {self.bytes_each:6.0f} bytes"
            f"   {self.cached:4.0%} cached"
        )


async def constant(
    name: str, stub: Any, pid: int, ask: Ask, *, seconds: float, bar_ms: float
) -> Row:
    """Ask at the constant rate for so long."""
    chance = random.Random(7)
    requests = [ask(chance) for _ in range(int(RATE * seconds))]
    pages: list[pb.ListNewsResponse] = []
    meter = Meter({"info": pid})

    async def one(request: pb.ListNewsRequest) -> None:
        pages.append(await stub.ListNews(request, metadata=CALLER))

    for request in requests[:200]:  # connections, prepared statements
        await stub.ListNews(request, metadata=CALLER)
    before = meter.read()["info"]
    took = await at_rate(one, requests, RATE)
    cpu = meter.read()["info"] - before
    return Row(
        name,
        took,
        cpu / len(requests) * 1e6,
        statistics.mean(page.ByteSize() for page in pages),
        statistics.mean(page.meta.total_cached > 0 for page in pages),
        bar_ms,
    )


def of_the_app(newest: datetime) -> Ask:
    """Pages of the app's feeds that lie in the cache; every other one is a first page."""

    def ask(chance: random.Random) -> pb.ListNewsRequest:
        request = pb.ListNewsRequest(limit=10)
        if chance.random() < 0.6:
            request.category = chance.choice(CATEGORIES)
        if chance.random() < 0.5:
            older = newest - APART * chance.randrange(150)
            request.cursor = str(int(older.timestamp() * 1000))
        return request

    return ask


def anywhere(newest: datetime, count: int, *, first_pages: float) -> Ask:
    """Pages at random places of the list, filtered in every way."""

    def ask(chance: random.Random) -> pb.ListNewsRequest:
        request = pb.ListNewsRequest(limit=chance.choice((10, 10, 20, 50)))
        if chance.random() < 0.6:
            request.category = chance.choice(CATEGORIES)
        if chance.random() < 0.3:
            request.source = chance.choice(("naver", "newsdata", "rss"))
        request.has_image = chance.random() < 0.3
        if chance.random() >= first_pages:
            older = newest - APART * chance.randrange(min(10_000, count // 2), count)
            request.cursor = f"{int(older.timestamp() * 1000)}_naver_{0:012x}"
        return request

    return ask


async def measure(articles: int, seconds: float) -> list[Row]:
    """Start what is needed, fill it, ask."""
    with EphemeralParts() as parts:
        url = parts.postgres_url()
        environ = {**parts.environ, "ECO2_REDIS_URL": parts.redis_url}
        os.environ.update(environ)
        await migrate(RuntimeSettings())
        began = time.perf_counter()
        await fill(url, articles)
        print(f"{articles:,} articles in {time.perf_counter() - began:.0f} s", flush=True)
        found: list[Row] = []
        async with served("info", environ) as (channel, pid):
            stub = InfoServiceStub(channel)
            for category in ("all", *CATEGORIES):

                async def cached(category: str = category) -> bool:
                    page = await stub.ListNews(
                        pb.ListNewsRequest(category=category), metadata=CALLER
                    )
                    return bool(page.meta.total_cached)

                await until(cached)
            app = of_the_app(NEWEST)
            found.append(
                await constant("cache", stub, pid, app, seconds=seconds, bar_ms=CACHE_P99_MS)
            )
            deep = anywhere(NEWEST, articles, first_pages=0.0)
            found.append(
                await constant(
                    "beyond the cache", stub, pid, deep, seconds=seconds, bar_ms=DATABASE_P99_MS
                )
            )
        away = environ | {"ECO2_REDIS_URL": "redis://127.0.0.1:1/0"}
        async with served("info", away) as (channel, pid):
            stub = InfoServiceStub(channel)
            mixed = anywhere(NEWEST, articles, first_pages=0.5)
            found.append(
                await constant(
                    "without Redis", stub, pid, mixed, seconds=seconds, bar_ms=DATABASE_P99_MS
                )
            )
        return found


def main() -> None:
    """Run the benchmark; exit 1 when a bar is missed."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--articles", type=int, default=1_000_000)
    options.add_argument("--seconds", type=float, default=15.0)
    given = options.parse_args()
    print(machine.state(), flush=True)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        found = runner.run(measure(given.articles, given.seconds))
    for row in found:
        print(row)
    print(machine.state())
    raise SystemExit(any(row.p99_ms > row.bar_ms for row in found))


if __name__ == "__main__":
    main()
