"""Opening hours as sources write them, read into ranges of minutes. Pure.

A cell may hold one range or several (``09:00~12:00, 13:00~18:00``), in several notations
(``08시~22시``, ``오전 9시 30분 ~ 오후 6시``, ``상시``, ``00:00~24:00``), hours of a season, breaks,
or words for being closed. What is not understood stays a text and says nothing about being open.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

DAY: Final = 24 * 60
"""Minutes of a day."""

LONGEST: Final = 18 * 60
"""A longer range without morning or afternoon named, such as 9:00~6:00, means six in the evening:
nothing is open for 21 hours, and what never closes is written 24시간 or 00:00~24:00."""

SUMMER: Final = frozenset(range(3, 11))
"""하절기 of Korean public bodies, March to October; 동절기 is the rest."""
WINTER: Final = frozenset(range(1, 13)) - SUMMER


@dataclass(frozen=True, slots=True)
class Range:
    """Open from `start` to `end`, minutes after midnight; `end` may lie on the next day."""

    start: int
    end: int
    months: frozenset[int] | None = None
    """Months in which it holds; None for all."""


@dataclass(frozen=True, slots=True)
class Day:
    """What one cell says."""

    text: str = ""
    """The cell, white space folded."""
    ranges: tuple[Range, ...] = ()
    closed: bool = False
    """Not open at all that day."""
    ended: bool = False
    """Closed for good; the text says why."""
    closed_on_holidays: bool = False
    """The hours do not hold on public holidays."""

    @property
    def understood(self) -> bool:
        """Whether it says when the place is open."""
        return bool(self.ranges) or self.closed

    def in_month(self, month: int) -> tuple[Range, ...]:
        """Ranges that hold in a month."""
        return tuple(r for r in self.ranges if r.months is None or month in r.months)


_DASHES: Final = str.maketrans(dict.fromkeys("∼〜～–—−‐-", "~"))

_CLOCK: Final = (
    r"(?:(?P<{0}half>오전|오후|새벽|아침|낮|저녁|밤|am|pm)\s*)?"
    r"(?P<{0}hour>\d{{1,2}})(?:\s*(?P<{0}unit>[:시])(?:\s*(?P<{0}minute>\d{{1,2}})\s*분?|\s*(?P<{0}thirty>반))?)?"
)
_TOKEN: Final = re.compile(
    r"(?P<months>(?P<first>\d{1,2})\s*월?\s*~\s*(?P<last>\d{1,2})\s*월)"
    r"|(?P<summer>하절기|여름철?|하계)|(?P<winter>동절기|겨울철?|동계)"
    r"|(?P<pause>점심|휴게|휴식|브레이크|break)"
    r"|(?P<holidays>(?:법정\s?공휴일|공휴일|명절|설날|추석)[^,/\n\d]{0,15}?(?:휴무|휴관|휴점|쉼))"
    r"|(?P<ended>(?:계약|운영|영업|사업)\s?(?:종료|중단|중지)|폐업|폐점|폐쇄|철거)"
    r"|(?P<closed>휴무|휴관|휴점|휴업|정기\s?휴일|미운영)"
    r"|(?P<always>상시|24\s?시간|종일)"
    rf"|(?P<range>{_CLOCK.format('a')}\s*(?:~|부터|에서)\s*{_CLOCK.format('b')})"
)
_OTHER_DAYS: Final = re.compile(
    r"평일|주말|[월화수목금토일]요일|[월화수목금토]\s?~\s?[화수목금토일]"
)
_OPENED: Final = re.compile(r"\s*\(\s*")
_MORNING: Final = frozenset(("오전", "새벽", "아침", "am"))
_AFTERNOON: Final = frozenset(("오후", "낮", "저녁", "밤", "pm"))


@lru_cache(maxsize=4096)
def read(cell: str) -> Day:
    """What a cell says."""
    text = " ".join(cell.split())
    folded = unicodedata.normalize("NFKC", text).lower().translate(_DASHES)
    kinds: set[str] = set()
    ranges = tuple(_ranges(folded, kinds))
    if "ended" in kinds:
        return Day(text, closed=True, ended=True)
    if ranges and _OTHER_DAYS.search(folded):
        return Day(text)  # hours of other days stand beside those of this one
    if ranges:
        return Day(text, ranges, closed_on_holidays="holidays" in kinds)
    return Day(text, closed="closed" in kinds)


def _ranges(text: str, kinds: set[str]) -> Iterator[Range]:
    """Ranges of a folded text without its breaks; `kinds` collects what else it names."""
    months: frozenset[int] | None = None
    pause = False
    found: list[Range] = []
    breaks: list[Range] = []
    behind = -1  # where the last range ended
    for token in _TOKEN.finditer(text):
        kind = str(token.lastgroup)
        kinds.add(kind)
        season = _season(token, kind)
        if season is not None:
            # In brackets behind a range it tells of that one, else of those that follow.
            if found and _OPENED.fullmatch(text, behind, token.start()):
                found[-1] = Range(found[-1].start, found[-1].end, season)
            else:
                months = season
        elif kind == "pause":
            pause = True
        elif kind == "always":
            found.append(Range(0, DAY, months))
            behind = token.end()
        elif kind == "range" and (span := _span(token)):
            (breaks if pause else found).append(Range(*span, months))
            pause = False
            behind = token.end()
    for each in found:
        yield from _without(each, breaks)


def _season(token: re.Match[str], kind: str) -> frozenset[int] | None:
    if kind == "summer":
        return SUMMER
    if kind == "winter":
        return WINTER
    if kind == "months":
        first, last = int(token["first"]), int(token["last"])
        if 1 <= first <= 12 and 1 <= last <= 12:
            return frozenset((first - 1 + n) % 12 + 1 for n in range((last - first) % 12 + 1))
    return None


def _span(token: re.Match[str]) -> tuple[int, int] | None:
    """Start and end of a range; None when it is none."""
    if not (token["aunit"] or token["bunit"]):
        return None  # 2~3 might be anything
    start, end = _minutes(token, "a"), _minutes(token, "b")
    if start is None or end is None or start == DAY:
        return None
    if token["ahalf"] in _MORNING and not token["bhalf"] and end <= start and end < DAY // 2:
        end += DAY // 2  # 오전 9시~6시
    if end <= start:
        slip = not token["ahalf"] and not token["bhalf"] and end + DAY - start > LONGEST
        end += DAY // 2 if slip and start < end + DAY // 2 else DAY
    return start, end


def _minutes(token: re.Match[str], side: str) -> int | None:
    """Minutes after midnight of one side of a range; None when no clock shows them."""
    hour = int(token[f"{side}hour"])
    minute = 30 if token[f"{side}thirty"] else int(token[f"{side}minute"] or 0)
    half = token[f"{side}half"]
    if half in _AFTERNOON and hour < 12:
        hour += 12
    elif half in _MORNING and hour == 12:
        hour = 0
    total = hour * 60 + minute
    return total if minute < 60 and total <= DAY else None


def _without(whole: Range, breaks: list[Range]) -> Iterator[Range]:
    """The parts of a range outside the breaks."""
    start = whole.start
    for pause in sorted(breaks, key=lambda each: each.start):
        if start < pause.start and pause.end < whole.end:
            yield Range(start, pause.start, whole.months)
            start = pause.end
    yield Range(start, whole.end, whole.months)
