"""Keeps the cached feeds made: anew after every change, and one by one when they are missed."""

from __future__ import annotations

import asyncio
from typing import Final

import asyncpg

from services.info.cache import FeedCache
from services.info.feed import PLAIN_FEEDS, START, Feed
from services.info.store import NewsStore
from services.runtime import logs

log = logs.get(__name__)

RETRY_SECONDS: Final = 1.0
"""Pause before making up for a change that Redis could not be told of."""


class Warmer:
    """Makes feeds from the store; what fails is made up for in :meth:`run`."""

    def __init__(self, store: NewsStore, cache: FeedCache) -> None:
        self._store = store
        self._cache = cache
        self._missing: dict[Feed, None] = {}
        self._outdated = False
        self._due = asyncio.Event()

    async def changed(self) -> None:
        """The news have changed: make the feeds of the app anew, before this returns if Redis is
        there. Filtered feeds are made when somebody asks for them.
        """
        self._outdated = not await self._cache.outdate()
        if self._outdated:
            self._due.set()
            return
        for feed in PLAIN_FEEDS:
            await self._make(feed)

    def missed(self, feed: Feed) -> None:
        """Somebody asked for a feed that is not cached: make it soon."""
        self._missing[feed] = None
        self._due.set()

    async def run(self) -> None:
        """Make what is due, until cancelled."""
        while True:
            await self._due.wait()
            self._due.clear()
            try:
                if self._outdated:
                    await self.changed()
                while self._missing:
                    feed = next(iter(self._missing))
                    del self._missing[feed]
                    await self._make(feed)
            except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
                log.warning("a feed was not made: the database is away", error=str(error))
            if self._outdated:
                await asyncio.sleep(RETRY_SECONDS)

    async def _make(self, feed: Feed) -> None:
        generation = await self._cache.generation()
        if generation is None:
            return
        wanted = self._cache.articles
        articles = await self._store.page(feed, START, wanted + 1)
        await self._cache.replace(
            feed, generation, articles[:wanted], complete=len(articles) <= wanted
        )
