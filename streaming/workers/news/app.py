"""Puts the news worker together."""

from __future__ import annotations

from eco2.info.v1.info_service_pb2_grpc import InfoServiceStub

from services.runtime import outbound
from services.runtime.component import Background, Component
from services.runtime.context import ProcessContext
from services.runtime.outbound.addresses import Guard
from streaming.workers.news import feeds, search_apis, thumbnails
from streaming.workers.news.collecting import Collecting
from streaming.workers.news.ledger import Ledger
from streaming.workers.news.schedule import Schedule
from streaming.workers.news.search_apis import SearchApi
from streaming.workers.news.settings import NewsSettings
from streaming.workers.news.source import Source
from streaming.workers.news.thumbnails import Thumbnails


async def build(context: ProcessContext) -> Component:
    """The worker; rests without keys and feeds."""
    schedule = Schedule(await sources(context), await collecting(context), Ledger(context.redis()))
    return Component(
        name="news-worker", background=(Background(name="news-schedule", run=schedule.run),)
    )


async def sources(context: ProcessContext) -> tuple[Source, ...]:
    """Every source, configured or not."""
    settings = context.settings(NewsSettings)
    ledger = Ledger(context.redis())
    return (
        SearchApi(
            search_apis.naver(settings),
            await outbound.client(context, search_apis.NAVER_POLICY),
            ledger,
            every_seconds=settings.news_naver_seconds,
            run_seconds=180.0,
        ),
        SearchApi(
            search_apis.newsdata(settings),
            await outbound.client(context, search_apis.NEWSDATA_POLICY),
            ledger,
            every_seconds=settings.news_newsdata_seconds,
            run_seconds=120.0,
        ),
        feeds.Feeds(
            settings.news_feeds,
            await outbound.client(context, feeds.policy(settings)),
            every_seconds=settings.news_rss_seconds,
            per_feed=settings.news_articles_per_query,
        ),
    )


async def collecting(context: ProcessContext) -> Collecting:
    """What takes the sources' finds to the info service."""
    settings = context.settings(NewsSettings)
    pictures = None
    if settings.news_thumbnails:
        pages = await outbound.client(context, thumbnails.policy(settings))
        pictures = Thumbnails(pages, Guard(settings.news_allowed_networks))
    return Collecting(InfoServiceStub(context.channel("info")), pictures)
