"""Cached feeds of news in Redis: a page in one round trip, its articles never taken apart.

A feed is a sorted set whose members are ordered as bytes: the time in milliseconds, the id, then
the article as it stands in a response on the wire. A page is a range of members, and the answer is
those bytes put together. What is older than the feed's last member comes from the database; a feed
that holds everything there is ends with a mark that says so.

``generation`` counts changes of the news. A change forgets all feeds; a feed is made from rows read
after the generation was, and is refused when that has moved on meanwhile, so that what is cached
is as new as the last change.
Redis is never needed: while it is away, pages come from the database.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from eco2.info.v1 import info_service_pb2, news_pb2
from prometheus_client import Counter
from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError

from services.info.article import cursor_of
from services.info.feed import FILTERED_FEEDS, PLAIN_FEEDS, START, Cursor, Feed
from services.runtime import logs
from services.runtime.lua import Script
from services.runtime.time_limit import TimeLimit

log = logs.get(__name__)

PAGE_SECONDS: Final = 0.25
"""Budget of asking Redis for a page; an answer takes well under a millisecond, and the database
needs a few."""

WRITE_SECONDS: Final = 2.0
"""Budget of replacing a feed."""

PROBE_SECONDS: Final = 1.0
"""Between two looks whether Redis is back; until then pages come from the database unasked."""

LOCK_SECONDS: Final = 30
"""How long others leave a missing feed to the process that makes it."""

_END: Final = b"\0" * 8
"""Member of a feed that holds everything there is; sorts below every article."""

_GENERATION: Final = "{news}:generation"

_PAGES: Final = Counter("news_pages_total", "Pages of news, by where they came from.", ["origin"])
"""`origin`: ``cache``; or the database, because the feed was ``missing``, the page lies ``beyond``
the feed, or Redis is ``away``."""

_PAGE_SCRIPT: Final = Script(
    """
-- KEYS  feed
-- ARGV  1 below what the page begins  2 members at the most  3 the mark of a whole feed
return {redis.call('ZREVRANGEBYLEX', KEYS[1], ARGV[1], '-', 'LIMIT', 0, ARGV[2]),
        redis.call('ZCARD', KEYS[1]), redis.call('TTL', KEYS[1]),
        redis.call('ZRANGE', KEYS[1], 0, 0)[1] == ARGV[3]}
"""
)

_REPLACE_SCRIPT: Final = Script(
    """
-- Answers 1 when the feed was replaced, 0 when the news have changed since they were read.
-- KEYS  1 feed  2 generation  3 lock
-- ARGV  1 generation the members are from  2 seconds to live  3... members
redis.call('DEL', KEYS[3])
if (redis.call('GET', KEYS[2]) or '0') ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1])
for i = 3, #ARGV do redis.call('ZADD', KEYS[1], 0, ARGV[i]) end
redis.call('EXPIRE', KEYS[1], ARGV[2])
return 1
"""
)


@dataclass(frozen=True, slots=True)
class Miss:
    """No page from the cache."""

    refill: bool
    """Whether the feed is missing and the caller is the one to make it."""


class FeedCache:
    """The feeds of one Redis."""

    def __init__(self, redis: Redis, *, seconds: int, articles: int) -> None:
        self._redis = redis
        self._seconds = seconds
        self.articles = articles
        self._away = asyncio.Event()
        self._page_limit = TimeLimit(PAGE_SECONDS)

    async def watch(self) -> None:
        """Look whether Redis is back whenever it went away, so that no caller has to wait for that;
        never returns.
        """
        while True:
            await self._away.wait()
            await asyncio.sleep(PROBE_SECONDS)
            with suppress(RedisError, OSError, TimeoutError):
                async with asyncio.timeout(WRITE_SECONDS):
                    await self._redis.ping()
                self._away.clear()
                log.info("news are served from the cache again")

    async def page(
        self, feed: Feed, after: Cursor, limit: int
    ) -> info_service_pb2.ListNewsResponse | Miss:
        """The page after a cursor, when the feed holds all of it."""
        if self._away.is_set():
            _PAGES.labels("away").inc()
            return Miss(refill=False)
        try:
            with self._page_limit.block():
                members, size, ttl, complete = await _PAGE_SCRIPT.run(
                    self._redis, [_key(feed)], _bound(after), limit + 1, _END
                )
                if size == 0:
                    _PAGES.labels("missing").inc()
                    return Miss(refill=await self._lock(feed))
        except ResponseError as error:  # something else lies under the key; it is made anew
            log.repeated("a feed could not be read", feed=str(feed), error=str(error))
            _PAGES.labels("missing").inc()
            return Miss(refill=True)
        except (RedisError, OSError, TimeoutError) as error:
            self._set_away(error)
            _PAGES.labels("away").inc()
            return Miss(refill=False)
        at_end = bool(members) and members[-1] == _END
        if len(members) <= limit and not at_end:
            _PAGES.labels("beyond").inc()
            return Miss(refill=False)
        _PAGES.labels("cache").inc()
        if at_end:
            members.pop()
        return _response(members, limit, size - (1 if complete else 0), max(ttl, 0))

    async def generation(self) -> str | None:
        """The generation to read rows under; None while Redis is away."""
        try:
            async with asyncio.timeout(WRITE_SECONDS):
                value: Any = await self._redis.get(_GENERATION)
        except (RedisError, OSError, TimeoutError) as error:
            self._set_away(error)
            return None
        return value.decode() if value else "0"

    async def replace(
        self, feed: Feed, generation: str, articles: Sequence[news_pb2.Article], *, complete: bool
    ) -> bool:
        """Cache a feed's newest articles, read under that generation; False when it is outdated by
        now, or Redis is away.
        """
        members = [*map(member, articles), *([_END] if complete else [])]
        if not members:
            return False
        keys = [_key(feed), _GENERATION, _lock_key(feed)]
        try:
            async with asyncio.timeout(WRITE_SECONDS):
                return bool(
                    await _REPLACE_SCRIPT.run(
                        self._redis, keys, generation, self._seconds, *members
                    )
                )
        except (RedisError, OSError, TimeoutError) as error:
            self._set_away(error)
            return False

    async def outdate(self) -> bool:
        """The news have changed: forget every feed, and refuse those read before. False while Redis
        is away, which has to be made up for.
        """
        try:
            async with asyncio.timeout(WRITE_SECONDS):
                async with self._redis.pipeline(transaction=True) as pipe:
                    pipe.incr(_GENERATION)
                    pipe.delete(*map(_key, (*PLAIN_FEEDS, *FILTERED_FEEDS)))
                    await pipe.execute()
        except (RedisError, OSError, TimeoutError) as error:
            self._set_away(error)
            return False
        return True

    async def _lock(self, feed: Feed) -> bool:
        return bool(await self._redis.set(_lock_key(feed), b"1", nx=True, ex=LOCK_SECONDS))

    def _set_away(self, error: Exception) -> None:
        if not self._away.is_set():
            self._away.set()
            log.warning("news are served without a cache", error=str(error) or "no answer in time")


def member(article: news_pb2.Article) -> bytes:
    """An article as a member of a feed."""
    cursor = cursor_of(article)
    framed = info_service_pb2.ListNewsResponse(articles=[article]).SerializeToString()
    return _order(cursor) + b"\0" + framed


def _order(cursor: Cursor) -> bytes:
    return cursor.milliseconds.to_bytes(8, "big") + cursor.article_id.encode()


def _bound(after: Cursor) -> bytes:
    """What every member of the page sorts below: the cursor's own article at least."""
    if after == START:
        return b"+"
    return b"(" + _order(after) + (b"\0" if after.article_id else b"")


def _response(
    members: Iterable[bytes], limit: int, total: int, ttl: int
) -> info_service_pb2.ListNewsResponse:
    """The page of up to `limit` members; one more than that says that there are older ones."""
    found = list(members)
    shown = found[:limit]
    starts = [one.index(b"\0", 8) for one in shown]
    response = info_service_pb2.ListNewsResponse.FromString(
        b"".join(one[start + 1 :] for one, start in zip(shown, starts, strict=True))
    )
    if len(found) > limit:
        response.has_more = True
        last = shown[-1]
        response.next_cursor = str(
            Cursor(int.from_bytes(last[:8], "big"), last[8 : starts[-1]].decode())
        )
    response.meta.total_cached = total
    response.meta.cache_expires_in = ttl
    return response


def _key(feed: Feed) -> str:
    return f"{{news}}:feed:{feed}"


def _lock_key(feed: Feed) -> str:
    return f"{{news}}:lock:{feed}"
