"""Pictures of articles that came without one: what their pages name as their preview."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from html.parser import HTMLParser
from typing import Final
from urllib.parse import urljoin

from prometheus_client import Counter
from yarl import URL

from services.runtime.outbound import Answer, Outbound, OutboundError, OutboundUnavailable, Policy
from services.runtime.outbound.addresses import Guard
from services.runtime.web_address import canonical
from streaming.workers.news.article import Found
from streaming.workers.news.settings import NewsSettings

PAGE_BYTES: Final = 10_000
"""How much of a page is read: its head comes first."""

AT_ONCE: Final = 10

REMEMBERED: Final = 5_000
"""Pages whose picture is known, or known to be missing: each is fetched once. About 1 MB."""

_PREVIEWS: Final = ("og:image:secure_url", "og:image", "og:image:url", "twitter:image")
"""Properties that name a preview, the best one first."""

_LOOKED_FOR: Final = Counter("news_thumbnails_total", "Pages looked at for a picture.", ["outcome"])
"""`outcome`: ``found``, ``none``, ``failed``."""


def policy(settings: NewsSettings) -> Policy:
    """How pages are fetched: they are strangers, and one says nothing of another."""
    return Policy(
        name="news-page",
        timeout_seconds=5.0,
        attempts=1,
        max_bytes=PAGE_BYTES,
        concurrent=AT_ONCE,
        public_only=True,
        also_allowed=settings.news_allowed_networks,
        max_redirects=3,
        breaker_failures=0,
    )


class Thumbnails:
    """Looks for pictures, and remembers where it has looked."""

    def __init__(self, http: Outbound, guard: Guard) -> None:
        self._http = http
        self._guard = guard
        self._known: OrderedDict[str, str] = OrderedDict()
        self._slots = asyncio.Semaphore(AT_ONCE)

    async def fill(self, articles: Sequence[Found]) -> list[Found]:
        """The articles, with a picture where their page names one."""
        return list(await asyncio.gather(*map(self._filled, articles)))

    async def _filled(self, article: Found) -> Found:
        if article.thumbnail_url:
            return article
        picture = self._known.get(article.url)
        if picture is None:
            async with self._slots:
                picture = await self._look(article.url)
            if picture is None:
                return article
            self._known[article.url] = picture
            if len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
        return replace(article, thumbnail_url=picture)

    async def _look(self, url: str) -> str | None:
        """The picture of a page; empty when it names none or can't be read, None when the page did
        not answer and may do so another time.
        """
        try:
            page = await self._http.get(url, max_bytes=PAGE_BYTES, truncate=True)
        except OutboundUnavailable:
            _LOOKED_FOR.labels("failed").inc()
            return None
        except OutboundError:
            _LOOKED_FOR.labels("failed").inc()
            return ""
        picture = picture_of(page)
        try:
            self._guard.check(URL(picture))  # a browser shall not be sent into its own network
        except (OutboundError, ValueError):
            picture = ""
        _LOOKED_FOR.labels("found" if picture else "none").inc()
        return picture


def picture_of(page: Answer) -> str:
    """The picture that a page names as its preview; empty when none. Pure."""
    if "html" not in page.headers.get("content-type", "html"):
        return ""
    head = _Head()
    # The properties are ASCII in every encoding of the web but UTF-16, which nobody serves.
    with suppress(AssertionError):  # how the parser gives up on "<![" with nonsense after it
        head.feed(page.body.decode("utf-8", errors="replace"))
    for name in _PREVIEWS:
        if link := head.previews.get(name):
            try:
                return canonical(urljoin(page.url, link))
            except ValueError:
                continue
    return ""


class _Head(HTMLParser):
    """Reads the head of a page, or as much of it as there is."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.previews: dict[str, str] = {}
        self._over = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "body":
            self._over = True
        if tag != "meta" or self._over:
            return
        given = {name: (value or "").strip() for name, value in attrs}
        name = (given.get("property") or given.get("name") or "").lower()
        if name in _PREVIEWS and given.get("content"):
            self.previews.setdefault(name, given["content"])

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        if tag == "head":
            self._over = True
