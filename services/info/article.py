"""An article as the store keeps it, and how it is told on the wire. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from eco2.info.v1 import news_pb2 as pb

from services.info.feed import ARTICLE_ID, Cursor, published, to_milliseconds
from services.runtime.web_address import canonical, same_page_key


class UnusableArticleError(ValueError):
    """An article that can't be kept; the message names the field and what is wrong with it."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field} {problem}")
        self.field = field
        self.problem = problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Article:
    """One article."""

    id: str
    url_key: bytes
    """Equal for every address of the same page."""
    url: str
    title: str
    snippet: str
    source: str
    source_name: str
    category: str
    published_at: datetime
    """Whole milliseconds."""
    thumbnail_url: str | None = None
    source_icon_url: str | None = None
    video_url: str | None = None
    keywords: Sequence[str] = ()
    ai_tag: str | None = None


def collected(message: pb.CollectedArticle, now: datetime) -> Article:
    """An article as a collector brought it, made fit to keep.

    Raises UnusableArticleError when its id or its address can't be used. An address of a picture or
    the like that can't be shown is left out.
    """
    if ARTICLE_ID.fullmatch(message.id) is None:
        raise UnusableArticleError("id", "must be letters, digits, or one of ._:- after the first")
    try:
        url = canonical(message.url)
    except ValueError as error:
        raise UnusableArticleError("url", f"is {error}") from None
    title = _line(message.title)
    if not title:
        raise UnusableArticleError("title", "is blank")
    return Article(
        id=message.id,
        url_key=same_page_key(url),
        url=url,
        title=title,
        snippet=_line(message.snippet),
        source=message.source,
        source_name=_line(message.source_name),
        category=message.category,
        published_at=published(_moment(message), now),
        thumbnail_url=_address(message.thumbnail_url),
        source_icon_url=_address(message.source_icon_url),
        video_url=_address(message.video_url),
        keywords=[keyword for text in message.keywords if (keyword := _line(text))],
        ai_tag=_line(message.ai_tag) or None,
    )


def message_of(row: Mapping[str, Any]) -> pb.Article:
    """The message of a stored row."""
    message = pb.Article(
        id=row["id"],
        title=row["title"],
        url=row["url"],
        snippet=row["snippet"],
        source=row["source"],
        source_name=row["source_name"],
        thumbnail_url=row["thumbnail_url"],
        category=row["category"],
        source_icon_url=row["source_icon_url"],
        video_url=row["video_url"],
        keywords=row["keywords"],
        ai_tag=row["ai_tag"],
    )
    message.published_at.FromMilliseconds(to_milliseconds(row["published_at"]))
    return message


def cursor_of(message: pb.Article) -> Cursor:
    """The cursor that goes on after an article."""
    return Cursor(message.published_at.ToMilliseconds(), message.id)


def _moment(message: pb.CollectedArticle) -> datetime:
    try:
        return message.published_at.ToDatetime(tzinfo=UTC)
    except ValueError:
        raise UnusableArticleError("published_at", "is out of range") from None


def _line(text: str) -> str:
    """One line of visible text: control characters (PostgreSQL takes no NUL) become spaces."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())


def _address(url: str) -> str | None:
    """An address a browser may load; None for an empty or unusable one."""
    try:
        return canonical(url) if url else None
    except ValueError:
        return None
