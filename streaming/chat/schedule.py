"""When and how districts collect waste, and in words for the user. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from streaming.chat.regions import District, Regions
from streaming.chat.untrusted import as_line

MOST_ZONES: Final = 3

HEADING: Final = "{district} 배출 안내예요. (행정안전부 생활쓰레기배출정보)"
DIFFERS: Final = "동네마다 달라요. 동 이름과 함께 물어보시면 좁혀 드릴게요."
CHECK: Final = "바뀌었을 수 있으니 처음이라면 구청이나 주민센터에 확인해 주세요."
NOT_LISTED: Final = (
    "{district}의 배출 요일은 아직 공공데이터에 없어요. 구청이나 주민센터에 확인해 주세요."
)

_ASKS: Final = re.compile(
    r"(?<![월화수목금토일])요일|(?:배출|수거)\s?(?:일(?![반회상])|시간)|(?:버리는|내놓는|내는)\s?(?:날|시간)|"
    r"(?:언제|몇\s?시에?)\s?(?:버|내(?![려리릴일])|배출|수거|가져)|(?:배출|수거|버리).{0,6}언제"
)
_WEEKDAYS: Final = re.compile("[월화수목금토일](?:·[월화수목금토일])*")
_NUMBER: Final = re.compile("[0-9·]+")
_KINDS: Final = (
    ("일반쓰레기", re.compile("일반|종량제|생활\\s?쓰레기")),
    ("음식물쓰레기", re.compile("음식물")),
    ("재활용품", re.compile("재활용|분리|페트|플라스틱|비닐|캔|종이|박스|유리|병|스티로폼")),
)
"""Kinds of waste that have days of their own, with the words of a question that mean them."""


@dataclass(frozen=True, slots=True)
class Times:
    """When and how one kind of waste is put out; texts of the source, empty where it has none."""

    days: str
    """For example ``월·수·금``."""
    hours: str
    """For example ``20:00~24:00``."""
    method: str

    @property
    def is_known(self) -> bool:
        """Whether anything is told."""
        return bool(self.days or self.hours or self.method)


@dataclass(frozen=True, slots=True, kw_only=True)
class Zone:
    """What a district says of one of its zones; texts of the source, empty where it has none."""

    province: str
    district: str
    name: str
    covers: tuple[str, ...]
    """Neighbourhoods (동) it is made of."""
    place: str
    """Where things are put out."""
    general: Times
    food: Times
    recycling: Times
    bulky: str
    """How and where large amounts and bulky things are handed out."""
    never: str
    """Days on which nothing is collected."""
    department: str
    phone: str


def asks_when(question: str) -> bool:
    """Whether a question is about the days or hours of putting waste out."""
    return _ASKS.search(question) is not None


def of_district(zones: Iterable[Zone], district: District, regions: Regions) -> list[Zone]:
    """The zones that belong to a district; other provinces have districts of the same name."""
    return [
        zone
        for zone in zones
        if regions.province_of(zone.province) == district.province
        and (district.name == district.province or zone.district.split()[:1] == [district.name])
    ]


def told(zones: Sequence[Zone], district: District, question: str) -> str:
    """The days and hours for a question, as Markdown."""
    named = [zone for zone in zones if any(part in question for part in _names(zone))]
    chosen = named or list(zones)
    by_text: dict[str, list[Zone]] = {}
    for zone in chosen:
        if text := "\n".join(_lines(zone, question)):
            by_text.setdefault(text, []).append(zone)
    if not by_text:
        return NOT_LISTED.format(district=district)
    parts = [HEADING.format(district=district)]
    for text, alike in list(by_text.items())[:MOST_ZONES]:
        if len(by_text) > 1 or named:
            parts.append(f"**{as_line(_called(alike[0]), 60)}**")
        parts.append(text)
    if len(by_text) > 1:
        parts.append(DIFFERS)
    contact = _contact(chosen)
    parts.append(f"{CHECK} ({contact})" if contact else CHECK)
    return "\n\n".join(parts)


def bulky(zones: Sequence[Zone]) -> str:
    """What a district says of bulky things, on one line; empty when it says nothing."""
    how = next((as_line(zone.bulky) for zone in zones if zone.bulky), "")
    return " · ".join(filter(None, (how, _contact(zones))))


def _contact(zones: Sequence[Zone]) -> str:
    for zone in zones:
        if zone.phone:
            return f"문의: {as_line(f'{zone.department} {zone.phone}'.strip(), 60)}"
    return ""


def _names(zone: Zone) -> Iterator[str]:
    for name in (*zone.covers, zone.name):
        if len(name) > 1 and name.endswith(("동", "읍", "면", "가", "리")):
            yield name
            yield _NUMBER.sub("", name)  # people say 역삼동 for 역삼1동


def _called(zone: Zone) -> str:
    return ", ".join(zone.covers[:5]) or zone.name


def _lines(zone: Zone, question: str) -> Iterator[str]:
    times = (zone.general, zone.food, zone.recycling)
    asked = [kind for kind, words in _KINDS if words.search(question)]
    for (kind, _), each in zip(_KINDS, times, strict=True):
        if each.is_known and (kind in asked or not asked):
            yield f"- {kind}: {_times(each)}"
    if zone.place:
        yield f"- 내놓는 곳: {as_line(zone.place, 80)}"
    if zone.never:
        yield f"- 수거하지 않는 날: {as_line(zone.never, 60)}"


def _times(times: Times) -> str:
    days = as_line(times.days, 40)
    if _WEEKDAYS.fullmatch(days):
        days += "요일"
    when = " ".join(filter(None, (days, as_line(times.hours, 20))))
    how = as_line(times.method, 120)
    return f"{when} ({how})" if when and how else when or how
