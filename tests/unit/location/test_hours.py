"""Opening hours as sources write them, and whether a place is open by Seoul's clock."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.location import hour_texts, opening
from services.location.hour_texts import DAY, SUMMER, WINTER, Range
from services.location.opening import Hours, minute_of, state
from services.runtime.seoul import SEOUL

NINE_TO_SIX = (Range(9 * 60, 18 * 60),)


@pytest.mark.parametrize(
    ("cell", "ranges"),
    [
        ("09:00~18:00", NINE_TO_SIX),
        ("09:00 ~ 18:00", NINE_TO_SIX),
        ("09시~18시", NINE_TO_SIX),
        ("오전 9시 ~ 오후 6시", NINE_TO_SIX),
        ("9:00~6:00", NINE_TO_SIX),
        ("08시~22시", (Range(8 * 60, 22 * 60),)),
        ("상시", (Range(0, DAY),)),
        ("00:00~24:00", (Range(0, DAY),)),
        ("18:00~02:00", (Range(18 * 60, 26 * 60),)),
        ("09:00~12:00, 13:00~18:00", (Range(540, 720), Range(780, 1080))),
        ("09:00~18:00 (점심 12:00~13:00)", (Range(540, 720), Range(780, 1080))),
    ],
)
def test_ranges_are_read_from_every_notation(cell: str, ranges: tuple[Range, ...]) -> None:
    assert hour_texts.read(cell).ranges == ranges


def test_hours_of_a_season_hold_in_its_months() -> None:
    day = hour_texts.read("하절기(3월~10월) 09:00~18:00 / 동절기(11월~2월) 09:00~17:00")
    assert day.in_month(7) == (Range(540, 1080, SUMMER),)
    assert day.in_month(1) == (Range(540, 1020, WINTER),)


@pytest.mark.parametrize("cell", ["휴무", "전체휴무", "정기휴일", "계약종료", "폐업"])
def test_words_for_being_closed(cell: str) -> None:
    assert hour_texts.read(cell).closed


@pytest.mark.parametrize("cell", ["", "문의", "2~3", "99:99~25:00", "주말 10:00~12:00"])
def test_what_is_not_understood_says_nothing_of_being_open(cell: str) -> None:
    day = hour_texts.read(cell)
    assert not day.understood


@given(st.text(alphabet="0123456789:~시분 오전후휴무상,()월하절기", max_size=30))
def test_any_text_is_read_without_fault(cell: str) -> None:
    for span in hour_texts.read(cell).ranges:
        assert 0 <= span.start < DAY
        assert span.start < span.end <= span.start + DAY


def _at(days: str | tuple[str, ...], when: str) -> opening.Opening:
    week = (days,) * 7 if isinstance(days, str) else days
    return state(Hours(week), datetime.fromisoformat(f"{when}+09:00"))


def test_a_place_is_open_between_its_hours() -> None:
    assert _at("09:00~18:00", "2026-07-01T09:00").is_open
    assert not _at("09:00~18:00", "2026-07-01T08:59").is_open
    assert (_at("09:00~18:00", "2026-07-01T12:00").start_time) == "09:00"
    assert (_at("09:00~18:00", "2026-07-01T12:00").end_time) == "18:00"


def test_a_place_that_never_closes_is_open_at_midnight() -> None:
    for cell in ("상시", "00:00~24:00"):
        for when in ("00:00", "12:00", "23:59"):
            assert _at(cell, f"2026-07-01T{when}").is_open


def test_overnight_hours_reach_into_the_next_day() -> None:
    week = ("휴무",) * 2 + ("18:00~02:00",) + ("휴무",) * 4  # Wednesday
    assert _at(week, "2026-07-01T23:00").is_open
    assert _at(week, "2026-07-02T01:59").is_open
    assert not _at(week, "2026-07-02T02:30").is_open


def test_a_later_range_of_the_day_counts() -> None:
    assert not _at("09:00~12:00, 13:00~18:00", "2026-07-01T12:30").is_open
    assert _at("09:00~12:00, 13:00~18:00", "2026-07-01T15:00").is_open


def test_a_closed_day_is_a_holiday() -> None:
    shut = _at("휴무", "2026-07-01T12:00")
    assert (shut.is_holiday, shut.is_open) == (True, False)


def test_text_that_is_no_hours_is_shown_as_it_is() -> None:
    told = _at("문의 바람", "2026-07-01T12:00")
    assert (told.is_open, told.start_time) == (None, "문의 바람")


def test_the_clock_is_that_of_seoul() -> None:
    moment = datetime(2026, 6, 30, 15, 30, tzinfo=UTC)
    assert minute_of(moment) == datetime(2026, 7, 1, 0, 30, tzinfo=SEOUL)


def test_hours_are_kept_as_they_are() -> None:
    hours = Hours(("09:00~18:00",) * 5 + ("휴무",) * 2, "휴무", "2026-01-01", "2026-01-03")
    assert Hours.decode(hours.encoded()) == hours
