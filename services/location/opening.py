"""Whether a place is open, by its hours and the clock of Seoul. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Final

import yaml

from services.location import hour_texts
from services.location.hour_texts import DAY, Day, Range
from services.runtime.seoul import SEOUL

_HOLIDAYS: Final = Path(__file__).with_name("public_holidays.yaml")


@dataclass(frozen=True, slots=True)
class Opening:
    """What is known of a place at a moment; None where its hours say nothing."""

    is_holiday: bool | None = None
    """Closed all day."""
    is_open: bool | None = None
    start_time: str | None = None
    """``HH:MM`` of the range that counts, or the text of the source."""
    end_time: str | None = None


@dataclass(frozen=True, slots=True)
class Hours:
    """Opening hours of a place in the words of its source."""

    days: tuple[str, ...]
    """Monday to Sunday; empty where nothing is said."""
    public_holidays: str = ""
    closed_from: str = ""
    """First day of a closure, YYYY-MM-DD; empty without one."""
    closed_to: str = ""

    def encoded(self) -> str:
        """Text to keep it as."""
        parts = [*self.days, self.public_holidays, self.closed_from, self.closed_to]
        return json.dumps(parts, ensure_ascii=False)

    @classmethod
    def decode(cls, text: str) -> Hours:
        """The hours of such a text."""
        *days, public_holidays, closed_from, closed_to = json.loads(text)
        return cls(tuple(days), public_holidays, closed_from, closed_to)

    def on(self, day: date) -> Day:
        """What is said of a date."""
        if self.closed_from and self.closed_from <= day.isoformat() <= self.closed_to:
            return Day(closed=True)
        weekday = hour_texts.read(self.days[day.weekday()])
        if day not in public_holidays():
            return weekday
        special = hour_texts.read(self.public_holidays)
        if special.understood:
            return special
        return Day(weekday.text, closed=True) if weekday.closed_on_holidays else weekday


@cache
def public_holidays() -> frozenset[date]:
    """Public holidays of the years in the data file; later years have none."""
    years = yaml.safe_load(_HOLIDAYS.read_text(encoding="utf-8"))["holidays"]
    return frozenset(
        date.fromisoformat(f"{year}-{text}") for year, texts in years.items() for text in texts
    )


def minute_of(moment: datetime) -> datetime:
    """The clock of Seoul, to the minute; `moment` must know its zone."""
    return moment.astimezone(SEOUL).replace(second=0, microsecond=0)


def now() -> datetime:
    """The minute it is in Seoul."""
    return minute_of(datetime.now(UTC))


def at(encoded: str, minute: datetime) -> Opening:
    """The state of a place with these hours (:meth:`Hours.encoded`) at a minute in Seoul."""
    return state(Hours.decode(encoded), minute)


def state(hours: Hours, minute: datetime) -> Opening:
    """The state of a place at a minute in Seoul.

    Of several ranges a day the one counts that is open now, else the next one, else the last.
    What opened yesterday may still be open. The end is exclusive: 09:00~18:00 is closed at 18:00.
    """
    today = hours.on(minute.date())
    at_minute = minute.hour * 60 + minute.minute
    for running in _running(hours, minute.date(), at_minute):
        return Opening(False, True, clock(running.start), clock(running.end))
    if today.closed:
        return Opening(True, False, today.text if today.ended else None)
    ranges = sorted(today.in_month(minute.month), key=lambda each: each.start)
    if ranges:
        counts = next((each for each in ranges if each.start > at_minute), ranges[-1])
        return Opening(False, False, clock(counts.start), clock(counts.end))
    if today.ranges:  # hours of another season alone
        return Opening(True, False)
    return Opening(start_time=today.text or None)


def _running(hours: Hours, today: date, at_minute: int) -> Iterator[Range]:
    """Ranges that hold now, today's first."""
    for days_ago in (0, 1):
        day = today - timedelta(days=days_ago)
        for each in hours.on(day).in_month(day.month):
            if each.start <= at_minute + days_ago * DAY < each.end:
                yield each


def clock(minutes: int) -> str:
    """``HH:MM`` of minutes after midnight; midnight at the end of a day is ``24:00``."""
    if minutes > DAY:
        minutes -= DAY
    return f"{minutes // 60:02d}:{minutes % 60:02d}"
