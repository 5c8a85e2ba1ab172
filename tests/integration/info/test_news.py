"""Lists of news: from the cache or from PostgreSQL, every article once and in order."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import grpc.aio
import pytest
from eco2.info.v1 import info_service_pb2 as pb

from mesh.local.ephemeral import EphemeralParts
from services.info.cache import FeedCache
from services.info.settings import InfoSettings
from services.info.store import NewsStore, delete_collected_before
from services.info.sweeper import Sweeper
from services.info.warmer import Warmer
from tests.integration.backend import Refused
from tests.integration.info.conftest import CALLER, NEWEST, Info, collected
from tests.wait import until

pytestmark = pytest.mark.parts


def ids(*pages: pb.ListNewsResponse) -> list[str]:
    return [article.id for page in pages for article in page.articles]


async def test_an_article_comes_back_as_it_was_brought(info: Info) -> None:
    brought = collected(
        1,
        thumbnail_url="https://img.example.kr/1.jpg",
        source_icon_url="https://news.example.kr/icon.png",
        video_url="https://news.example.kr/1.mp4",
        keywords=["재활용", "분리배출"],
        ai_tag="waste",
    )
    assert await info.upsert([brought]) == (1, 0)
    for page in (await info.news(), await info.news(has_image=True)):  # cache, then database
        (article,) = page.articles
        for name in ("id", "url", "title", "snippet", "source", "source_name", "category",
                     "thumbnail_url", "source_icon_url", "video_url", "keywords", "ai_tag",
                     "published_at"):  # fmt: skip
            assert getattr(article, name) == getattr(brought, name), name


async def test_pages_go_from_the_cache_into_the_database_without_a_seam(info: Info) -> None:
    await info.upsert([collected(number) for number in range(50)])
    pages = await info.pages(limit=7)
    assert ids(*pages) == [f"rss_{number:012x}" for number in range(50)]
    cached = [page.meta.total_cached for page in pages]
    assert cached[0] == 20
    assert cached[-1] == 0
    assert 0 < pages[0].meta.cache_expires_in <= 3600
    assert pages[-1].meta.cache_expires_in == 0
    assert not pages[-1].HasField("next_cursor")
    assert not pages[-1].has_more
    assert pages[0].next_cursor == f"{int(NEWEST.timestamp() * 1000) - 6 * 60_000}_rss_{6:012x}"


async def test_articles_of_one_millisecond_are_neither_lost_nor_repeated(info: Info) -> None:
    """More of them than a page, and than the cache, holds."""
    same = [collected(n, published_at=NEWEST + timedelta(microseconds=n * 37)) for n in range(26)]
    older = [collected(100 + n) for n in range(3)]
    await info.upsert([*same[::2], *older, *same[1::2]])
    for limit in (1, 4, 10, 50):
        found = ids(*await info.pages(limit=limit))
        assert len(found) == len(set(found)) == 29
        assert found[-3:] == [article.id for article in older]
    await info.redis.flushdb()
    assert len(set(ids(*await info.pages(limit=4)))) == 29


async def test_milliseconds_alone_mean_older_than_that(info: Info) -> None:
    await info.upsert([collected(number) for number in range(30)])
    for newest in (5, 25):  # in the cache, and beyond it
        cursor = str(int((NEWEST - timedelta(minutes=newest)).timestamp() * 1000))
        page = await info.news(cursor=cursor, limit=3)
        assert ids(page) == [f"rss_{number:012x}" for number in range(newest + 1, newest + 4)]
    assert ids(await info.news(cursor="0")) == []
    assert len(ids(await info.news(cursor="253402300799999", limit=50))) == 30


async def test_filters_hold_before_the_page_is_cut(info: Info) -> None:
    await info.upsert(
        [
            collected(
                number,
                id=f"{source}_{number:012x}",
                source=source,
                category=("environment", "energy", "ai")[number // 4 % 3],
                thumbnail_url="https://img.example.kr/a.jpg" if number % 4 == 0 else "",
            )
            for number in range(90)
            for source in [("naver", "newsdata", "rss")[number % 3]]
        ]
    )
    everything = {
        article.id: article for page in await info.pages(limit=50) for article in page.articles
    }
    assert len(everything) == 90
    for category in ("all", "environment", "energy", "ai"):
        for source in ("all", "naver", "newsdata", "rss"):
            for has_image in (False, True):
                wanted = [
                    name
                    for name, article in everything.items()
                    if category in ("all", article.category)
                    and source in ("all", article.source)
                    and (article.HasField("thumbnail_url") or not has_image)
                ]
                fields: dict[str, Any] = {
                    "category": category, "source": source, "has_image": has_image, "limit": 3,
                }  # fmt: skip
                for _ in range(2):  # the second time from the cache
                    pages = await info.pages(**fields)
                    assert ids(*pages) == wanted, fields
                    assert all(len(page.articles) == 3 for page in pages[:-1])


async def test_a_missing_feed_is_made_by_one_and_serves_the_next(info: Info) -> None:
    await info.upsert([collected(number) for number in range(15)])
    await info.redis.flushdb()
    first = await asyncio.gather(*(info.news() for _ in range(10)))
    assert {page.meta.total_cached for page in first} <= {0, 15}

    async def cached() -> bool:
        page = await info.news()
        assert len(page.articles) == 10
        return page.meta.total_cached == 15

    await until(cached)
    whole = await info.pages(limit=10)
    assert all(page.meta.total_cached == 15 for page in whole)  # nothing more to ask PostgreSQL


async def test_no_news_are_no_news_from_the_cache_as_well(info: Info) -> None:
    page = await info.news()
    assert page == pb.ListNewsResponse(meta=pb.NewsMeta())

    async def cached() -> bool:
        return (await info.news()).meta.cache_expires_in > 0

    await until(cached)
    assert (await info.news()).meta.total_cached == 0


async def test_news_are_listed_as_soon_as_they_are_stored(info: Info) -> None:
    for number in range(10, 0, -1):
        await info.upsert([collected(number)])
        page = await info.news(limit=1)
        assert ids(page) == [f"rss_{number:012x}"]
        assert page.meta.total_cached == 11 - number


async def test_a_feed_read_before_a_change_is_not_cached_after_it(info: Info) -> None:
    from services.info.cache import FeedCache
    from services.info.feed import START, Feed
    from services.info.store import NewsStore

    cache = FeedCache(info.redis, seconds=60, articles=20)
    generation = await cache.generation()
    assert generation is not None
    old = await NewsStore(info.database).page(Feed(), START, 20)
    await info.upsert([collected(1)])
    assert not await cache.replace(Feed(), generation, old, complete=True)
    assert ids(await info.news()) == [f"rss_{1:012x}"]


# -- storing --------------------------------------------------------------------------------------


async def test_a_page_is_known_whoever_brings_it_with_whatever_parameters(info: Info) -> None:
    assert await info.upsert([collected(1, url="https://www.example.kr/a?id=1")]) == (1, 0)
    again = collected(
        2,
        id="naver_0123456789ab",
        source="naver",
        url="http://example.kr/a/?id=1&utm_source=naver",
        title="다른 제목",
        thumbnail_url="https://img.example.kr/1.jpg",
    )
    assert await info.upsert([again]) == (0, 1)
    (article,) = (await info.news()).articles
    assert (article.id, article.source, article.title) == (f"rss_{1:012x}", "rss", "소식 1")
    assert article.thumbnail_url == "https://img.example.kr/1.jpg"  # was missing
    assert article.published_at.ToDatetime(UTC) == NEWEST - timedelta(minutes=1)
    assert await info.upsert([again]) == (0, 0)


async def test_its_own_collector_may_correct_an_article_but_not_move_it(info: Info) -> None:
    await info.upsert([collected(1, keywords=["가"], thumbnail_url="https://img.example.kr/1.jpg")])
    corrected = collected(
        1, title="고친 제목", category="ai", published_at=NEWEST, keywords=["나", "다"]
    )
    assert await info.upsert([corrected]) == (0, 1)
    (article,) = (await info.news()).articles
    assert (article.title, article.category) == ("고친 제목", "ai")
    assert list(article.keywords) == ["나", "다"]
    assert article.thumbnail_url  # a collector that found none this time takes none away
    assert article.published_at.ToDatetime(UTC) == NEWEST - timedelta(minutes=1)
    assert ids(await info.news(category="environment")) == []


async def test_one_page_twice_in_a_batch_is_stored_once(info: Info) -> None:
    twice = [collected(1, url="https://example.kr/a"), collected(2, url="http://example.kr/a/")]
    assert await info.upsert(twice) == (1, 0)


async def test_an_id_that_another_article_has_is_left_out(info: Info) -> None:
    await info.upsert([collected(1)])
    batch = [collected(1, url="https://example.kr/other"), collected(2)]
    assert await info.upsert(batch) == (1, 0)
    assert len(ids(await info.news())) == 2


async def test_collectors_at_the_same_time_store_everything_once(info: Info) -> None:
    batch = [collected(number) for number in range(60)]
    stored = await asyncio.gather(
        *(info.upsert(batch[::step] if step else batch) for step in (1, -1, 2, -2, 3))
    )
    assert sum(inserted for inserted, _ in stored) == 60
    assert len(set(ids(*await info.pages(limit=50)))) == 60


async def test_an_article_from_the_future_is_dated_now(info: Info) -> None:
    began = datetime.now(UTC)
    await info.upsert([collected(1, published_at=datetime(2099, 1, 1, tzinfo=UTC)), collected(2)])
    article = (await info.news()).articles[0]
    published = article.published_at.ToDatetime(UTC)
    assert began - timedelta(seconds=1) <= published <= datetime.now(UTC)


@pytest.mark.parametrize(
    "changes",
    [
        {"url": "javascript:alert(1)"},
        {"url": "nonsense"},
        {"id": "a b"},
        {"id": ""},
        {"title": "\x00"},
        {"source": "twitter"},
        {"category": "all"},
        {"snippet": "가" * 501},
    ],
)
async def test_articles_that_cannot_be_kept_are_refused(
    info: Info, changes: dict[str, str]
) -> None:
    async with Refused("VALIDATION_FAILED"):
        await info.upsert([collected(1), collected(2, **changes)])
    assert ids(await info.news()) == []


# -- retention ------------------------------------------------------------------------------------


async def sweep(info: Info, settings: InfoSettings) -> None:
    """One pass of the sweeper."""
    cache = FeedCache(info.redis, seconds=60, articles=20)
    sweeper = Sweeper(info.database, Warmer(NewsStore(info.database), cache), settings)
    async with info.database.acquire() as connection:
        await sweeper.sweep(connection)


async def test_old_news_are_deleted_and_leave_the_cached_lists(info: Info) -> None:
    await info.upsert([collected(number) for number in range(7)])
    assert len((await info.news()).articles) == 7
    await info.database.execute(
        "UPDATE news_articles SET created_at = now() - interval '32 days' WHERE id <> ALL($1)",
        [f"rss_{number:012x}" for number in (0, 6)],
    )
    await sweep(info, InfoSettings(news_keep_days=31, news_sweep_batch=2))
    page = await info.news()
    assert ids(page) == [f"rss_{number:012x}" for number in (0, 6)]
    assert page.meta.total_cached == 2  # made anew


async def test_news_are_deleted_by_when_they_were_collected(info: Info) -> None:
    """Else a feed that shows old articles would bring each again after every pass."""
    await info.upsert([collected(1, published_at=datetime(2001, 1, 1, tzinfo=UTC))])
    await sweep(info, InfoSettings(news_keep_days=1))
    assert len((await info.news()).articles) == 1


async def test_news_are_kept_for_ever_when_told_so(info: Info) -> None:
    await info.upsert([collected(1)])
    await info.database.execute("UPDATE news_articles SET created_at = '2001-01-01'")
    await sweep(info, InfoSettings(news_keep_days=0))
    assert len((await info.news()).articles) == 1


async def test_one_transaction_deletes_so_many_articles_at_the_most(info: Info) -> None:
    await info.upsert([collected(number) for number in range(5)])
    await info.database.execute("UPDATE news_articles SET created_at = published_at")
    async with info.database.acquire() as connection:
        deleted = [
            await delete_collected_before(connection, datetime.now(UTC), 2) for _ in range(4)
        ]
    assert deleted == [2, 2, 1, 0]


async def test_storing_is_not_for_users(info: Info) -> None:
    async with Refused("METHOD_NOT_EXPOSED"):
        await info.stub.UpsertNews(pb.UpsertNewsRequest(articles=[collected(1)]), metadata=CALLER)


# -- bad input ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "cursor", ["", "abc", "-1", "9" * 300, "1_", "MTIzNDU2Nzg5", "1_가", "1\x00"]
)
async def test_other_cursors_are_refused(info: Info, cursor: str) -> None:
    async with Refused("INVALID_CURSOR_FORMAT"):
        await info.news(cursor=cursor)


@pytest.mark.parametrize(
    "value", ["", "sports", "ALL", "a" * 500, "'; DROP TABLE news_articles", "🙂"]
)
async def test_unknown_categories_and_sources_are_refused(info: Info, value: str) -> None:
    async with Refused("INVALID_CATEGORY") as refusal:
        await info.news(category=value)
    assert refusal.metadata == {"allowed": "all,environment,energy,ai"}
    async with Refused("INVALID_SOURCE") as refusal:
        await info.news(source=value)
    assert refusal.metadata == {"allowed": "all,naver,newsdata,rss"}


@pytest.mark.parametrize("limit", [-1, 0, 51, 2**31 - 1])
async def test_page_sizes_out_of_range_are_refused(info: Info, limit: int) -> None:
    async with Refused("VALIDATION_FAILED"):
        await info.news(limit=limit)


async def test_news_categories_are_those_of_the_contract(info: Info) -> None:
    answer = await info.stub.ListNewsCategories(pb.ListNewsCategoriesRequest(), metadata=CALLER)
    assert [(category.id, category.name) for category in answer.categories] == [
        ("all", "전체"),
        ("environment", "환경"),
        ("energy", "에너지"),
        ("ai", "AI"),
    ]


# -- parts away -----------------------------------------------------------------------------------


async def test_redis_may_go_and_come_back(info: Info, parts: EphemeralParts) -> None:
    """Without it everything comes from PostgreSQL; a change it missed is made up for."""
    await info.upsert([collected(number) for number in range(2, 12)])
    assert (await info.news()).meta.total_cached == 10
    pid = parts.pid("redis")
    import os
    import signal

    os.kill(pid, signal.SIGSTOP)  # hangs, which is worse than refusing
    try:
        page = await asyncio.wait_for(info.news(), 10)
        assert len(page.articles) == 10
        assert page.meta.total_cached == 0
        assert await info.upsert([collected(1)]) == (1, 0)
        assert ids(await info.news(limit=1)) == [f"rss_{1:012x}"]
    finally:
        os.kill(pid, signal.SIGCONT)

    async def made_up() -> bool:
        page = await info.news(limit=1)
        assert isinstance(page, pb.ListNewsResponse)
        return page.meta.total_cached == 11 and ids(page) == [f"rss_{1:012x}"]

    await until(made_up)


async def test_a_page_is_one_round_trip_to_redis_and_none_to_postgres(info: Info) -> None:
    await info.upsert([collected(number) for number in range(15)])
    await info.news()

    async def scans() -> int:
        # What a connection counted is told once a second, or when it is asked for.
        await info.database.execute("SELECT pg_stat_force_next_flush()")
        return int(
            await info.database.fetchval(
                "SELECT sum(idx_scan) FROM pg_stat_user_indexes WHERE relname = 'news_articles'"
            )
        )

    before, scanned = await info.redis.info("commandstats"), await scans()
    for _ in range(5):
        await info.news(limit=5)
    after = await info.redis.info("commandstats")
    assert after["cmdstat_evalsha"]["calls"] - before["cmdstat_evalsha"]["calls"] == 5
    assert await scans() == scanned


async def test_every_page_statement_reads_an_index_of_its_own(
    info: Info, parts: EphemeralParts
) -> None:
    """No filter may scan rows that it does not show: rows are read in the order of the keyset.

    The planner has no statistics here, so that every value counts as rare, which is the case those
    indexes are for. Knowing that nearly all rows have a value, it may do without the index of it.
    """
    from services.info.feed import FILTERED_FEEDS, PLAIN_FEEDS
    from services.info.store import _page_of

    await info.database.execute(
        """
        INSERT INTO news_articles (id, url_key, url, title, snippet, source, source_name, category,
                                   published_at, thumbnail_url)
        SELECT 'rss_' || n, decode(lpad(to_hex(n), 32, '0'), 'hex'), 'https://example.kr/' || n,
               't', 's', CASE WHEN n % 1000 = 0 THEN 'naver' ELSE 'rss' END, 'n',
               CASE WHEN n % 700 = 0 THEN 'ai' ELSE 'environment' END,
               '2026-01-01'::timestamptz + n * interval '1 second',
               CASE WHEN n % 50 = 0 THEN 'https://example.kr/p' END
          FROM generate_series(1, 20000) AS n
        """
    )
    owner = await asyncpg.connect(parts.postgres_url("info"))
    try:
        await owner.execute("ALTER TABLE info.news_articles SET (autovacuum_enabled = false)")
        # It knows how many rows there are: an autovacuum that came by earlier may have found none.
        await owner.execute("ANALYZE info.news_articles")
        await owner.execute(
            "DELETE FROM pg_statistic WHERE starelid = 'info.news_articles'::regclass"
        )
    finally:
        await owner.close()
    async with info.database.acquire() as connection:
        await connection.execute("SET LOCAL search_path TO info")
        for feed in (*PLAIN_FEEDS, *FILTERED_FEEDS):
            values = [value for value in (feed.category, feed.source) if value != "all"]
            rows = await connection.fetch(
                "EXPLAIN (ANALYZE, BUFFERS, FORMAT TEXT) " + _page_of(feed),
                datetime(2027, 1, 1, tzinfo=UTC), "", 11, *values,
            )  # fmt: skip
            plan = "\n".join(row[0] for row in rows)
            assert "Index Scan Backward using news_" in plan, plan
            assert "Rows Removed by Filter" not in plan, plan
            assert "Sort" not in plan, plan


async def test_garbage_in_redis_is_no_outage(info: Info) -> None:
    await info.upsert([collected(1)])
    await info.redis.set("{news}:feed:all:all:any", b"not a sorted set")
    assert ids(await info.news()) == [f"rss_{1:012x}"]

    async def made_anew() -> bool:
        return (await info.news()).meta.total_cached == 1

    await until(made_anew)


async def test_calls_need_a_session(info: Info) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refusal:
        await info.stub.ListNews(pb.ListNewsRequest(), metadata=(("x-eco2-edge", "1"),))
    assert refusal.value.code() is grpc.StatusCode.UNAUTHENTICATED


async def test_the_local_run_has_sample_news_that_say_so(info: Info) -> None:
    from mesh.local import sample_news

    first = datetime(2026, 1, 1, tzinfo=UTC)
    articles = sample_news.articles(first)
    assert await info.upsert(articles) == (len(articles), 0)
    again = sample_news.articles(first + timedelta(days=3))
    assert await info.upsert(again) == (0, 0)
    for category in ("environment", "energy", "ai"):
        page = await info.news(category=category)
        assert len(page.articles) >= 3
        assert all(article.title.startswith(sample_news.MARK) for article in page.articles)
