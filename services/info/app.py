"""Puts the info domain together."""

from __future__ import annotations

from functools import partial

from eco2.info.v1.info_service_pb2_grpc import add_InfoServiceServicer_to_server

from services.info import faq
from services.info.cache import FeedCache
from services.info.recycling import Guide
from services.info.regions import Regions
from services.info.search import ItemSearch
from services.info.service import InfoService, News, Recycling
from services.info.settings import InfoSettings
from services.info.store import NewsStore
from services.info.sweeper import Sweeper
from services.info.warmer import Warmer
from services.runtime import database
from services.runtime.component import Background, Component, GrpcService
from services.runtime.context import ProcessContext
from streaming.knowledge import load


async def build(context: ProcessContext) -> Component:
    """InfoService; needs PostgreSQL, and is faster with Redis."""
    settings = context.settings(InfoSettings)
    pool = await context.pool("info")
    store = NewsStore(pool)
    cache = FeedCache(
        context.redis(),
        seconds=settings.news_cache_seconds,
        articles=settings.news_cache_articles,
    )
    warmer = Warmer(store, cache)
    knowledge = load()
    guide = Guide(knowledge)
    service = InfoService(
        News(store, cache, warmer),
        Recycling(
            guide,
            ItemSearch(guide, knowledge),
            Regions(knowledge),
            faq.load(knowledge.documents),
        ),
    )
    return Component(
        name="info",
        services=(
            GrpcService(
                full_name="eco2.info.v1.InfoService",
                add=partial(add_InfoServiceServicer_to_server, service),
            ),
        ),
        background=(
            Background(name="news-feeds", run=warmer.run),
            Background(name="news-cache", run=cache.watch),
            Background(name="news-sweeper", run=Sweeper(pool, warmer, settings).run),
        ),
        checks={"postgres": partial(database.check, pool)},
    )
