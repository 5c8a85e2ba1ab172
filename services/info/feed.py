"""Which news a list shows, and where a page of it ended. Pure.

A cursor is milliseconds since 1970, or those and an article's id
(``1769552400123_naver_0123456789ab``). Alone the milliseconds mean "older than that"; with an id
the page goes on right after that article, so that articles of one millisecond are neither lost nor
shown twice.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Self

ALL: Final = "all"
CATEGORIES: Final = ("environment", "energy", "ai")
SOURCES: Final = ("naver", "newsdata", "rss")

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
LAST: Final = datetime(9999, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC)
"""Latest time a cursor can name."""

ARTICLE_ID: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z._:-]{0,63}")
"""Ids that a cursor can carry."""

_CURSOR: Final = re.compile(rf"([0-9]{{1,15}})(?:_({ARTICLE_ID.pattern}))?")


@dataclass(frozen=True, slots=True)
class Feed:
    """A list of news by its filters."""

    category: str = ALL
    source: str = ALL
    has_image: bool = False

    @property
    def plain(self) -> bool:
        """Whether nothing but the category narrows it, as in the app."""
        return self.source == ALL and not self.has_image

    def __str__(self) -> str:
        """Its name in keys and logs."""
        return f"{self.category}:{self.source}:{'pictured' if self.has_image else 'any'}"


PLAIN_FEEDS: Final = tuple(Feed(category) for category in (ALL, *CATEGORIES))
FILTERED_FEEDS: Final = tuple(
    feed
    for category in (ALL, *CATEGORIES)
    for source in (ALL, *SOURCES)
    for has_image in (False, True)
    if not (feed := Feed(category, source, has_image)).plain
)


@dataclass(frozen=True, slots=True)
class Cursor:
    """The end of a page: when its last article was published, and its id."""

    milliseconds: int
    article_id: str = ""
    """Empty in a cursor of milliseconds alone."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what a client sent; ValueError unless it is a time, or that and an article's id."""
        match = _CURSOR.fullmatch(text)
        if match is None:
            raise ValueError("neither digits nor digits_id")
        milliseconds = int(match[1])
        if milliseconds > to_milliseconds(LAST):
            raise ValueError("a time out of range")
        return cls(milliseconds, match[2] or "")

    @property
    def published_at(self) -> datetime:
        """The milliseconds as a time."""
        return _EPOCH + self.milliseconds * _MILLISECOND

    def __str__(self) -> str:
        """The text a client sends back."""
        return (
            f"{self.milliseconds}_{self.article_id}" if self.article_id else f"{self.milliseconds}"
        )


START: Final = Cursor((LAST - _EPOCH) // _MILLISECOND)
"""Before the newest article."""


def to_milliseconds(moment: datetime) -> int:
    """Whole milliseconds since 1970; what is finer is cut off."""
    return (moment - _EPOCH) // _MILLISECOND


def published(moment: datetime, now: datetime) -> datetime:
    """The time an article is kept under: whole milliseconds, neither before 1970 nor in the future.

    Publishers' clocks run ahead, and embargoed or mistyped dates lie years ahead: such an article
    would stand on top of the list until then.
    """
    return _EPOCH + to_milliseconds(min(max(moment, _EPOCH), now)) * _MILLISECOND
