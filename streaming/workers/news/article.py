"""An article as a collector found it, on its way to the info service. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from eco2.info.v1 import news_pb2

from services.runtime.web_address import canonical, same_page_key
from streaming.workers.news.categories import category_of
from streaming.workers.news.text import plain

TITLE_CHARACTERS: Final = 300
SNIPPET_CHARACTERS: Final = 500
NAME_CHARACTERS: Final = 128
TAG_CHARACTERS: Final = 64
KEYWORD_CHARACTERS: Final = 50
KEYWORDS: Final = 10

_PROVIDER_ID: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z._:-]{0,63}")


class UnusableError(ValueError):
    """What was found is no article: no title, or no address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One article."""

    source: str
    """``naver``, ``newsdata`` or ``rss``."""
    id: str
    url: str
    """Without tracking parameters."""
    title: str
    snippet: str
    source_name: str
    published_at: datetime
    category: str
    thumbnail_url: str = ""
    source_icon_url: str = ""
    video_url: str = ""
    keywords: tuple[str, ...] = ()
    ai_tag: str = ""

    def message(self) -> news_pb2.CollectedArticle:
        """The message for the info service."""
        message = news_pb2.CollectedArticle(
            id=self.id,
            url=self.url,
            title=self.title,
            snippet=self.snippet,
            source=self.source,
            source_name=self.source_name,
            thumbnail_url=self.thumbnail_url,
            category=self.category,
            source_icon_url=self.source_icon_url,
            video_url=self.video_url,
            keywords=self.keywords,
            ai_tag=self.ai_tag,
        )
        message.published_at.FromDatetime(self.published_at)
        return message


def found(
    *,
    source: str,
    url: str,
    title: str,
    text: str,
    source_name: str,
    published_at: datetime | None,
    now: datetime,
    provider_id: str = "",
    provided_categories: Iterable[str] = (),
    ai_tag: str = "",
    keywords: Iterable[str] = (),
    thumbnail_url: str = "",
    source_icon_url: str = "",
    video_url: str = "",
) -> Found:
    """What a provider said, made plain and short. Raises UnusableError.

    An article without a date, or from the future, is dated `now`; the info service keeps the date
    it first saw.
    """
    try:
        address = canonical(url)
    except ValueError as error:
        raise UnusableError(f"the address is {error}") from None
    heading = plain(title, TITLE_CHARACTERS)
    if not heading:
        raise UnusableError("there is no title")
    words = tuple(filter(None, (plain(word, KEYWORD_CHARACTERS) for word in keywords)))[:KEYWORDS]
    snippet = plain(text, SNIPPET_CHARACTERS)
    tag = plain(ai_tag, TAG_CHARACTERS)
    return Found(
        source=source,
        id=_id(source, address, provider_id),
        url=address,
        title=heading,
        snippet=snippet,
        source_name=plain(source_name, NAME_CHARACTERS),
        published_at=now if published_at is None else min(published_at, now),
        category=category_of(
            provided=provided_categories, tag=tag, title=heading, text=snippet, keywords=words
        ),
        thumbnail_url=_optional(thumbnail_url),
        source_icon_url=_optional(source_icon_url),
        video_url=_optional(video_url),
        keywords=words,
        ai_tag=tag,
    )


def merged(articles: Iterable[Found]) -> list[Found]:
    """Each page once, as it was first found, with the picture and video of any that has one."""
    pages: dict[bytes, Found] = {}
    for article in articles:
        key = same_page_key(article.url)
        known = pages.setdefault(key, article)
        if known is not article:
            pages[key] = replace(
                known,
                thumbnail_url=known.thumbnail_url or article.thumbnail_url,
                video_url=known.video_url or article.video_url,
            )
    ids: dict[str, Found] = {}
    for article in pages.values():
        ids.setdefault(article.id, article)
    return list(ids.values())


def batches(articles: Sequence[Found], size: int) -> Iterable[Sequence[Found]]:
    """The articles in groups of `size`."""
    return (articles[start : start + size] for start in range(0, len(articles), size))


def _id(source: str, url: str, provider_id: str) -> str:
    if _PROVIDER_ID.fullmatch(provider_id):
        return provider_id
    digest = hashlib.md5(url.encode(), usedforsecurity=False).hexdigest()
    return f"{source}_{digest[:12]}"


def _optional(url: str) -> str:
    try:
        return canonical(url) if url else ""
    except ValueError:
        return ""
