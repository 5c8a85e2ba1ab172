"""The collector for RSS and Atom feeds, which needs no key."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from calendar import timegm
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urljoin, urlsplit

from services.runtime import logs
from services.runtime.outbound import (
    AddressForbiddenError,
    Outbound,
    OutboundError,
    OutboundInvalid,
    OutboundRefused,
    Policy,
)
from streaming.workers.news.article import Found, UnusableError, found
from streaming.workers.news.settings import NewsSettings
from streaming.workers.news.source import CollectingError, Haul, Refusal

log = logs.get(__name__)

AT_ONCE: Final = 4
"""Feeds fetched and read at a time."""

READER_SECONDS: Final = 15.0
"""Longest a feed's reader may take; above its limit of CPU, for a busy machine."""

_READER: Final = "streaming.workers.news.feed_reader"


class FeedError(Exception):
    """A feed that could not be read."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


def policy(settings: NewsSettings) -> Policy:
    """How feeds are fetched: they are strangers, and one says nothing of another."""
    return Policy(
        name="news-feed",
        timeout_seconds=settings.news_feed_timeout_seconds,
        attempts=1,
        max_bytes=settings.news_feed_max_bytes,
        public_only=True,
        also_allowed=settings.news_allowed_networks,
        max_redirects=3,
        breaker_failures=0,
    )


class Feeds:
    """Collects from every feed of the settings; one that fails does not hold up the others."""

    name = "rss"
    run_seconds = 300.0

    def __init__(
        self, feeds: Sequence[str], http: Outbound, *, every_seconds: float, per_feed: int
    ) -> None:
        self._feeds = tuple(dict.fromkeys(feeds))
        self._http = http
        self._per_feed = per_feed
        self._slots = asyncio.Semaphore(AT_ONCE)
        self.every_seconds = every_seconds

    @property
    def configured(self) -> bool:
        """Whether there is any feed."""
        return bool(self._feeds)

    async def collect(self, now: datetime) -> Haul:
        """Collect from all feeds. Raises CollectingError when every one failed."""
        articles: list[Found] = []
        refusals: list[Refusal] = []
        for haul in await asyncio.gather(*(self._collect_one(feed, now) for feed in self._feeds)):
            articles.extend(haul.articles)
            refusals.extend(haul.refusals)
        if len(refusals) == len(self._feeds) > 0:
            raise CollectingError(
                "every feed failed: " + "; ".join(f"{one.part}: {one.reason}" for one in refusals)
            )
        return Haul(articles, refusals)

    async def _collect_one(self, feed: str, now: datetime) -> Haul:
        async with self._slots:
            try:
                answer = await self._http.get(feed)
                content = await read(
                    answer.body, answer.headers.get("content-type", ""), self._per_feed
                )
                return Haul(list(articles_of(content, answer.url, now)))
            except AddressForbiddenError as error:
                return _refused(feed, "forbidden", error)
            except OutboundInvalid as error:
                return _refused(feed, "unreadable", error)
            except OutboundRefused as error:
                return _refused(feed, "refused", error)
            except OutboundError as error:
                return _refused(feed, "unavailable", error)
            except FeedError as error:
                return _refused(feed, error.reason, error)


async def read(feed: bytes, content_type: str, entries: int) -> dict[str, Any]:
    """A feed as plain data, read by a process of its own; FeedError when that refuses or dies."""
    reader = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        _READER,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "MALLOC_ARENA_MAX": "1"},
    )
    head = json.dumps({"content_type": content_type, "entries": entries}).encode()
    try:
        async with asyncio.timeout(READER_SECONDS):
            output, _ = await reader.communicate(head + b"\n" + feed)
    except TimeoutError:
        raise FeedError("too_slow", f"not read within {READER_SECONDS:g} s") from None
    finally:
        if reader.returncode is None:
            reader.kill()
            await reader.wait()
    if reader.returncode != 0:
        raise FeedError("too_much", f"its reader ended with {reader.returncode}")
    content: dict[str, Any] = json.loads(output)
    if "refused" in content:
        raise FeedError(content["refused"], content["detail"])
    return content


def articles_of(content: dict[str, Any], address: str, now: datetime) -> Iterator[Found]:
    """Articles of a feed that was read from that address; skips what is none."""
    for entry in content["entries"]:
        try:
            yield found(
                source="rss",
                url=_absolute(address, entry["link"]),
                title=entry["title"],
                text=entry["text"],
                source_name=content["title"] or (urlsplit(address).hostname or ""),
                published_at=_moment(entry["published"]),
                now=now,
                keywords=entry["keywords"],
                thumbnail_url=_absolute(address, entry["picture"]),
                source_icon_url=_absolute(address, content["icon"]),
                video_url=_absolute(address, entry["video"]),
            )
        except UnusableError as error:
            log.debug("no article", source="rss", why=str(error))


def _absolute(base: str, link: str) -> str:
    try:
        return urljoin(base, link.strip()) if link.strip() else ""
    except ValueError:
        return ""


def _moment(parts: Sequence[int] | None) -> datetime | None:
    if parts is None:
        return None
    try:
        return datetime.fromtimestamp(timegm((*parts, 0, 0, 0)), UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _refused(feed: str, reason: str, error: Exception) -> Haul:
    """The refusal of a feed, under its address without the query, which may hold a key."""
    try:
        parts = urlsplit(feed)
        part = f"{parts.hostname or ''}{parts.path}"
    except ValueError:
        part = "a feed with an unreadable address"
    return Haul((), (Refusal(part, reason, str(error)),))
