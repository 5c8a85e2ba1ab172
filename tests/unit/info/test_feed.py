"""Cursors of news say where a page ended, in the two forms of the contract and in no other."""

from __future__ import annotations

import base64
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.info.feed import (
    ARTICLE_ID,
    FILTERED_FEEDS,
    LAST,
    PLAIN_FEEDS,
    START,
    Cursor,
    published,
    to_milliseconds,
)
from services.runtime.cursor import Cursor as OpaqueCursor

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
milliseconds = st.integers(0, to_milliseconds(LAST))
ids = st.from_regex(ARTICLE_ID, fullmatch=True)


@given(milliseconds, ids)
def test_cursor_comes_back_as_it_was(when: int, article_id: str) -> None:
    cursor = Cursor(when, article_id)
    assert Cursor.parse(str(cursor)) == cursor
    assert to_milliseconds(cursor.published_at) == when


@given(milliseconds)
def test_milliseconds_alone_are_a_cursor(when: int) -> None:
    assert Cursor.parse(str(when)) == Cursor(when, "")


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "abc",
        "-1",
        "+1",
        "1.5",
        "1e3",
        "0x10",
        "1769552400123_",
        "_naver_0123456789ab",
        "1769552400123 ",
        "1769552400123\n",
        "１７６９５５２４００１２３",
        "١٢٣",
        "1769552400123_a b",
        "1769552400123_é",
        "1769552400123_" + "a" * 65,
        "253402300800000",  # one past the year 9999
        "999999999999999",
        "9" * 400,
        "1769552400123_naver'; DROP TABLE news_articles; --",
        "1769552400123_\x00",
        "🙂",
        "null",
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"digits|range"):
        Cursor.parse(text)


@given(st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)), st.uuids())
def test_cursors_of_other_lists_are_refused(when: datetime, row: uuid.UUID) -> None:
    with pytest.raises(ValueError, match="digits"):
        Cursor.parse(OpaqueCursor(when, row).encode("points:somebody"))


@given(st.text(max_size=80))
def test_garbage_is_refused_without_a_fault(text: str) -> None:
    try:
        cursor = Cursor.parse(text)
    except ValueError:
        return
    assert text.isascii()
    assert cursor.published_at <= LAST


def test_base64_of_digits_is_no_cursor() -> None:
    with pytest.raises(ValueError, match="digits"):
        Cursor.parse(base64.b64encode(b"1769552400123_naver_0123456789ab").decode())


def test_the_start_lies_before_every_article() -> None:
    assert START.published_at == LAST


@pytest.mark.parametrize(
    ("claimed", "kept"),
    [
        (NOW - timedelta(hours=1), NOW - timedelta(hours=1)),
        (NOW + timedelta(seconds=1), NOW),
        (datetime(2099, 1, 1, tzinfo=UTC), NOW),
        (datetime(1, 1, 1, tzinfo=UTC), datetime(1970, 1, 1, tzinfo=UTC)),
        (NOW - timedelta(microseconds=1), NOW - timedelta(milliseconds=1)),
    ],
)
def test_times_are_whole_milliseconds_and_never_in_the_future(
    claimed: datetime, kept: datetime
) -> None:
    assert published(claimed, NOW) == kept


def test_every_combination_of_filters_is_one_feed() -> None:
    feeds = {str(feed) for feed in (*PLAIN_FEEDS, *FILTERED_FEEDS)}
    assert len(feeds) == len(PLAIN_FEEDS) + len(FILTERED_FEEDS) == 4 * 4 * 2
    assert all(feed.plain for feed in PLAIN_FEEDS)
