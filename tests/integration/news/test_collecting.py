"""News from servers on loopback to the app's list; who misbehaves is left out."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest
from aiohttp import web

from services.runtime.context import ProcessContext
from streaming.workers.news.app import build, collecting, sources
from streaming.workers.news.collecting import Report
from streaming.workers.news.ledger import Ledger
from streaming.workers.news.schedule import Schedule
from streaming.workers.news.source import CollectingError, Source
from tests.integration.news.conftest import KEYS, Internet, Newsroom
from tests.unit.news.test_feed_reader import BOMB
from tests.wait import until

pytestmark = pytest.mark.parts

SECRETS = {name.removeprefix("ECO2_"): value for name, value in KEYS.items()}


def feed(*links: str, title: str = "이웃 신문") -> str:
    items = "".join(
        f"<item><title>소식 {link}</title><link>{link}</link>"
        "<pubDate>Sun, 01 Feb 2026 09:00:00 +0900</pubDate></item>"
        for link in links
    )
    return f"<rss version='2.0'><channel><title>{title}</title>{items}</channel></rss>"


async def source_of(context: ProcessContext, name: str) -> Source:
    return next(source for source in await sources(context) if source.name == name)


async def collect(context: ProcessContext, name: str = "rss") -> Report:
    worker = await collecting(context)
    return await worker.collect(await source_of(context, name), datetime.now(UTC))


async def test_a_feed_becomes_news_with_the_picture_of_the_page(
    newsroom: Newsroom, internet: Internet
) -> None:
    head = '<html><head><meta property="og:image" content="/picture.jpg">'
    link = internet.serves("/article", head + " " * 200_000, "text/html")
    address = internet.serves("/rss", feed(link, link + "?utm_source=rss"))
    async with newsroom.working(NEWS_FEEDS=address) as context:
        assert (await collect(context)).inserted == 1
        assert (await collect(context)).inserted == 0
        (article,) = await newsroom.news()
        assert article.thumbnail_url == internet.url("/picture.jpg")
        assert (article.source, article.source_name) == ("rss", "이웃 신문")
        assert article.id.startswith("rss_")


async def test_feeds_that_misbehave_are_left_out_and_the_others_go_on(
    newsroom: Newsroom,
    internet: Internet,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # A busy machine does not give a reader all its CPU in the usual time.
    monkeypatch.setattr("streaming.workers.news.feeds.READER_SECONDS", 60.0)
    caplog.set_level(logging.INFO)
    private = f"http://10.1.2.3:{internet.port}/rss"
    feeds = {
        internet.serves("/good", feed("https://good.example.kr/1")): "",
        internet.pours("/huge", b"<rss>" + b"x" * 65_536): "unreadable",
        internet.pours("/slow", b"<", 0.05): "unavailable",
        internet.serves("/bomb", BOMB): "entities",
        internet.serves("/malformed", "<rss><channel><item"): "malformed",
        internet.serves("/page", "<html><body>404</body></html>", "text/html"): "not_a_feed",
        internet.serves("/deep", "<rss version='2.0'>" + "<a>" * 150_000): "too_much",
        internet.serves("/packed", b"\x1f\x8b", encoding="gzip"): "unreadable",
        internet.redirects("/to-private", private): "forbidden",
        internet.redirects("/to-metadata", "http://169.254.169.254/latest"): "forbidden",
        internet.redirects("/to-itself", internet.url("/to-itself")): "refused",
        internet.url("/missing?key=hidden"): "refused",
        private: "forbidden",
        "http://[::1]/rss": "forbidden",
        "http://0.0.0.0/rss": "forbidden",
        "http://[::ffff:10.0.0.1]/rss": "forbidden",
        "file:///etc/passwd": "forbidden",
        "nonsense": "forbidden",
    }
    began = time.monotonic()
    async with newsroom.working(
        NEWS_FEEDS=",".join(feeds), NEWS_FEED_MAX_BYTES="1000000", NEWS_FEED_TIMEOUT_SECONDS="2"
    ) as context:
        report = await collect(context)
    assert time.monotonic() - began < 90
    assert report.inserted == 1
    assert [article.url for article in await newsroom.news()] == ["https://good.example.kr/1"]
    parts = {address: urlsplit(address) for address, reason in feeds.items() if reason}
    expected = sorted(
        (f"{part.hostname or ''}{part.path}", feeds[address]) for address, part in parts.items()
    )
    assert sorted((one.part, one.reason) for one in report.refusals) == expected
    lines = [record for record in caplog.records if record.message.startswith("a part of")]
    assert len(lines) == len(report.refusals)
    ours = [record for record in caplog.records if not record.name.startswith("aiohttp")]
    assert not [record for record in ours if "hidden" in str(record.__dict__)]


async def test_nothing_but_failures_is_a_failure(newsroom: Newsroom, internet: Internet) -> None:
    async with newsroom.working(NEWS_FEEDS=internet.url("/missing")) as context:
        with pytest.raises(CollectingError, match="missing: refused"):
            await collect(context)


async def test_pages_that_lead_inside_give_no_picture(
    newsroom: Newsroom, internet: Internet
) -> None:
    picture = '<meta property="og:image" content="{}">'
    pages = [
        internet.redirects("/inside", "http://192.168.0.1/"),
        internet.serves("/shows-inside", picture.format("http://192.168.0.1/a.jpg"), "text/html"),
        internet.serves("/late", " " * 20_000 + picture.format("/a.jpg"), "text/html"),
        internet.url("/gone"),
    ]
    address = internet.serves("/rss", feed(*pages))
    async with newsroom.working(NEWS_FEEDS=address) as context:
        assert (await collect(context)).inserted == len(pages)
    assert not any(article.thumbnail_url for article in await newsroom.news())


async def test_a_page_is_fetched_for_its_picture_once(
    newsroom: Newsroom, internet: Internet
) -> None:
    link = internet.serves("/article", "<html>", "text/html")
    async with newsroom.working(NEWS_FEEDS=internet.serves("/rss", feed(link))) as context:
        worker, source = await collecting(context), await source_of(context, "rss")
        for _ in range(3):
            await worker.collect(source, datetime.now(UTC))
    assert (internet.asked["/rss"], internet.asked["/article"]) == (3, 1)


async def test_a_page_that_was_away_is_asked_for_its_picture_again(
    newsroom: Newsroom, internet: Internet
) -> None:
    link = internet.serves("/article", "busy", "text/html", status=503)
    async with newsroom.working(NEWS_FEEDS=internet.serves("/rss", feed(link))) as context:
        worker, source = await collecting(context), await source_of(context, "rss")
        await worker.collect(source, datetime.now(UTC))
        internet.serves(
            "/article", '<meta property="og:image" content="/picture.jpg">', "text/html"
        )
        await worker.collect(source, datetime.now(UTC))
    (article,) = await newsroom.news()
    assert article.thumbnail_url == internet.url("/picture.jpg")


# -- searches with keys ---------------------------------------------------------------------------


def naver_answer(*links: str) -> str:
    items = [
        {"title": f"<b>재활용</b> {link}", "originallink": link, "description": "", "pubDate": ""}
        for link in links
    ]
    return json.dumps({"items": items})


async def test_searches_send_their_keys_and_nobody_else_sees_them(
    newsroom: Newsroom, internet: Internet, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    naver = internet.serves("/naver", naver_answer("https://a.kr/1"), "application/json")
    newsdata = internet.serves(
        "/newsdata",
        json.dumps({"results": [{"title": "t", "link": "http://www.a.kr/1/?utm_source=x"}]}),
        "application/json",
    )
    async with newsroom.working(
        **SECRETS, NEWS_NAVER_URL=naver, NEWS_NEWSDATA_URL=newsdata, NEWS_THUMBNAILS="false"
    ) as context:
        first = await collect(context, "naver")
        second = await collect(context, "newsdata")
    assert (first.inserted, second.inserted) == (1, 0)  # one page, whoever finds it
    request = internet.last["/naver"]
    assert request.headers["X-Naver-Client-Id"] == KEYS["ECO2_NAVER_CLIENT_ID"]
    assert request.headers["X-Naver-Client-Secret"] == KEYS["ECO2_NAVER_CLIENT_SECRET"]
    assert (request.query["display"], request.query["sort"]) == ("30", "date")
    assert internet.last["/newsdata"].headers["X-ACCESS-KEY"] == KEYS["ECO2_NEWSDATA_API_KEY"]
    assert internet.asked["/naver"] == 3
    assert internet.asked["/newsdata"] == 4
    ours = [record for record in caplog.records if not record.name.startswith("aiohttp")]
    assert not [record for record in ours if "5f0c1e" in str(record.__dict__)]


async def test_a_wrong_key_is_not_used_up(newsroom: Newsroom, internet: Internet) -> None:
    naver = internet.serves("/naver", "{}", "application/json", status=401)
    async with newsroom.working(**SECRETS, NEWS_NAVER_URL=naver) as context:
        with pytest.raises(CollectingError, match="refused: naver-news: 401"):
            await collect(context, "naver")
    assert internet.asked["/naver"] == 1


async def test_the_days_calls_are_never_exceeded(newsroom: Newsroom, internet: Internet) -> None:
    naver = internet.serves("/naver", naver_answer("https://a.kr/1"), "application/json")
    async with newsroom.working(
        **SECRETS, NEWS_NAVER_URL=naver, NEWS_NAVER_CALLS_PER_DAY="5", NEWS_THUMBNAILS="false",
        NEWS_NAVER_SECONDS="80000",
    ) as context:  # fmt: skip
        await asyncio.gather(*(collect(context, "naver") for _ in range(4)), return_exceptions=True)
        with pytest.raises(CollectingError, match="the day's calls are used up"):
            await collect(context, "naver")
        used = await Ledger(context.redis()).used("naver", datetime.now(UTC))
    assert internet.asked["/naver"] == used == 5


async def test_a_day_begins_at_midnight_in_korea(newsroom: Newsroom) -> None:
    ledger = Ledger(newsroom.info.redis())
    evening = datetime(2026, 2, 1, 14, 59, tzinfo=UTC)  # 23:59 in Seoul
    assert await ledger.take_calls("naver", 2, 2, evening)
    assert not await ledger.take_calls("naver", 1, 2, evening)
    assert await ledger.take_calls("naver", 1, 2, evening + timedelta(minutes=1))


@pytest.mark.parametrize("answer", ["{}", "[]", "nonsense", '{"items": 3}'])
async def test_an_answer_of_another_shape_is_a_failure(
    newsroom: Newsroom, internet: Internet, answer: str
) -> None:
    naver = internet.serves("/naver", answer, "application/json")
    async with newsroom.working(**SECRETS, NEWS_NAVER_URL=naver) as context:
        with pytest.raises(CollectingError):
            await collect(context, "naver")


# -- the schedule ---------------------------------------------------------------------------------


async def test_the_worker_brings_news_by_itself(newsroom: Newsroom, internet: Internet) -> None:
    naver = internet.serves("/naver", naver_answer("https://a.kr/1"), "application/json")
    address = internet.serves("/rss", feed("https://b.kr/1"))
    async with newsroom.working(
        build, **SECRETS, NEWS_NAVER_URL=naver, NEWS_FEEDS=address,
        NEWS_NEWSDATA_URL=internet.url("/newsdata-is-away"), NEWS_THUMBNAILS="false",
        NEWS_RSS_SECONDS="0.2",
    ):  # fmt: skip

        async def both() -> bool:
            return len(await newsroom.news()) == 2

        await until(both)
        internet.serves("/rss", feed("https://b.kr/1", "https://b.kr/2"))

        async def newest() -> bool:
            return len(await newsroom.news()) == 3

        await until(newest)


async def test_replicas_take_turns(newsroom: Newsroom, internet: Internet) -> None:
    """Three of them, and one collection in the interval."""
    address = internet.serves("/rss", feed("https://b.kr/1"))
    settings = {"NEWS_FEEDS": address, "NEWS_THUMBNAILS": "false", "NEWS_RSS_SECONDS": "600"}
    async with newsroom.working(**settings) as context:
        schedules = [
            Schedule(await sources(context), await collecting(context), Ledger(context.redis()))
            for _ in range(3)
        ]
        tasks = [asyncio.create_task(schedule.run()) for schedule in schedules]

        async def collected() -> bool:
            return bool(await newsroom.news())

        await until(collected)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert internet.asked["/rss"] == 1
        again = await Ledger(context.redis()).take_turn("rss", 600)
        assert again is None  # a worker that restarts does not collect once more


async def test_two_replicas_never_collect_a_source_at_once(
    newsroom: Newsroom, internet: Internet
) -> None:
    """Though a collection takes longer than the interval."""
    running = most = done = refused = 0
    go_on = asyncio.Event()

    async def slow(_: web.Request) -> web.StreamResponse:
        nonlocal running, most, done
        running += 1
        most = max(most, running)
        await go_on.wait()
        running -= 1
        done += 1
        return web.Response(text=feed("https://b.kr/1"), content_type="text/xml")

    class Watched(Ledger):
        async def take_turn(self, source: str, seconds: float) -> str | None:
            nonlocal refused
            token = await super().take_turn(source, seconds)
            refused += token is None
            return token

    internet.pages["/slow"] = slow
    async with newsroom.working(
        NEWS_FEEDS=internet.url("/slow"), NEWS_THUMBNAILS="false", NEWS_RSS_SECONDS="0.05"
    ) as context:
        tasks = [
            asyncio.create_task(
                Schedule(
                    await sources(context), await collecting(context), Watched(context.redis())
                ).run()
            )
            for _ in range(2)
        ]
        # A replica looks four times an interval: ten intervals have passed, and the first runs on.
        await until(lambda: refused >= 40)
        assert (running, done) == (1, 0)
        go_on.set()
        await until(lambda: done >= 4)  # they go on in turns, without waiting for the turn to end
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    assert most == 1


async def test_only_who_has_the_turn_may_end_it(newsroom: Newsroom) -> None:
    ledger = Ledger(newsroom.info.redis())
    first = await ledger.take_turn("rss", 600)
    assert first is not None
    await ledger.end_turn("rss", "somebody", 0)
    assert await ledger.take_turn("rss", 600) is None
    await ledger.end_turn("rss", first, 0)
    second = await ledger.take_turn("rss", 600)
    assert second is not None
    await ledger.end_turn("rss", first, 0)  # woke up late
    assert await ledger.take_turn("rss", 600) is None


async def test_a_failed_collection_is_taken_up_sooner(
    newsroom: Newsroom, internet: Internet
) -> None:
    settings = {"NEWS_FEEDS": internet.url("/missing"), "NEWS_RSS_SECONDS": "86400"}
    async with newsroom.working(build, **settings) as context:

        async def hurried() -> bool:
            left = await context.redis().pttl("news:turn:rss")
            return 0 < left <= 60_000

        await until(hurried)


async def test_without_the_info_service_a_collection_fails_and_says_so(
    newsroom: Newsroom, internet: Internet
) -> None:
    address = internet.serves("/rss", feed("https://b.kr/1"))
    async with newsroom.working(
        NEWS_FEEDS=address, NEWS_THUMBNAILS="false", GRPC_INFO="127.0.0.1:1"
    ) as context:
        with pytest.raises(CollectingError, match="did not store: UNAVAILABLE"):
            await collect(context)


async def test_without_redis_nothing_is_collected(newsroom: Newsroom, internet: Internet) -> None:
    """Nobody could tell who else collects."""
    address = internet.serves("/rss", feed("https://b.kr/1"))
    async with newsroom.working(
        build, NEWS_FEEDS=address, NEWS_RSS_SECONDS="0.2",
        REDIS_URL="redis://127.0.0.1:1/0",
    ) as context:  # fmt: skip
        ledger = Ledger(context.redis())
        with pytest.raises((OSError, Exception), match=r"."):
            await ledger.take_turn("rss", 1)
    assert not internet.asked


async def test_a_server_error_is_told_as_unavailable(
    newsroom: Newsroom, internet: Internet
) -> None:
    async def broken(_: web.Request) -> web.StreamResponse:
        raise web.HTTPServiceUnavailable

    internet.pages["/broken"] = broken
    good = internet.serves("/good", feed("https://b.kr/1"))
    async with newsroom.working(
        NEWS_FEEDS=f"{internet.url('/broken')},{good}", NEWS_THUMBNAILS="false"
    ) as context:
        report = await collect(context)
    assert [(one.part, one.reason) for one in report.refusals] == [
        ("127.0.0.1/broken", "unavailable")
    ]
