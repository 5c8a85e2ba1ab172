"""Made-up places in the layouts of the two public data sets, for the local run and for benchmarks.

No row stands for a real place: names say so, addresses and phone numbers do not exist. What is
taken from the real data is their shape - spread over the country's cities, spelling, hour texts,
multi-line cells, blanks. The same count and seed always make the same rows.
"""

from __future__ import annotations

import csv
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from services.location.place import KECO, ZEROWASTE
from services.location.sources.keco import DAYS

MARK: Final = "[샘플]"
"""Begins the name of every made-up place."""
REMARK: Final = "견본 데이터입니다. 실제로 있는 곳이 아니에요."

MAP_START: Final = (37.567976, 127.009341)
"""Where the app's map opens."""

KECO_COLUMNS: Final = (
    "positnSn", "positnNm", "positnRgnNm", "positnLotnoAddr", "positnRdnmAddr",
    "positnPstnAddExpln", "positnPstnLat", "positnPstnLot", "positnIntdcCn",
    "positnCnvncFcltSrvcExpln", "prkMthdExpln", *DAYS, "lhldySalsHrExplnCn", "lhldyDyoffCn",
    "tmprLhldyCn", "dyoffBgndeCn", "dyoffEnddtCn", "dyoffRsnExpln", "bscTelnoCn", "rprsTelnoCn",
    "telnoExpln", "indivTelnoCn", "lnkgHmpgUrlAddr", "indivRelSrchListCn", "comRelSrwrdListCn",
    "clctItemCn", "etcMttrCn",
)  # fmt: skip
ZEROWASTE_COLUMNS: Final = (
    "folderId", "seq", "favoriteType", "color", "memo", "display1", "display2", "x", "y", "lon",
    "lat", "key", "createdAt", "updatedAt",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _City:
    name: str
    latitude: float
    longitude: float
    weight: int
    spread: float
    """Standard deviation in degrees."""


_CITIES: Final = (
    _City("서울특별시 중구", *MAP_START, 10, 0.012),
    _City("서울특별시 성동구", 37.5634, 127.0369, 8, 0.015),
    _City("서울특별시 마포구", 37.5663, 126.9019, 8, 0.018),
    _City("서울특별시 강남구", 37.5172, 127.0473, 9, 0.02),
    _City("서울특별시 관악구", 37.4784, 126.9516, 5, 0.015),
    _City("경기도 성남시", 37.4200, 127.1265, 7, 0.03),
    _City("경기도 고양시", 37.6584, 126.8320, 6, 0.03),
    _City("경기도 수원시", 37.2636, 127.0286, 7, 0.03),
    _City("인천광역시 미추홀구", 37.4636, 126.6505, 7, 0.03),
    _City("부산광역시 해운대구", 35.1631, 129.1635, 8, 0.04),
    _City("대구광역시 중구", 35.8714, 128.6014, 6, 0.04),
    _City("광주광역시 서구", 35.1520, 126.8900, 5, 0.03),
    _City("대전광역시 유성구", 36.3622, 127.3564, 5, 0.03),
    _City("울산광역시 남구", 35.5437, 129.3301, 3, 0.03),
    _City("전북특별자치도 전주시", 35.8242, 127.1480, 6, 0.03),
    _City("충청북도 충주시", 36.9910, 127.9259, 4, 0.04),
    _City("강원특별자치도 춘천시", 37.8813, 127.7298, 2, 0.03),
    _City("제주특별자치도 제주시", 33.4996, 126.5312, 4, 0.04),
)

_STREETS: Final = ("샘플로", "견본길", "보기대로", "예시로", "초록샘플길")
_KINDS: Final = (
    ("자원순환가게", "재활용품을 가져오면 무게를 달아 보상해 드려요.", 40),
    ("무인회수기", "투명페트병과 캔을 넣으면 포인트가 쌓여요.", 30),
    ("재활용도움센터", "분리배출을 도와드리는 곳이에요.", 14),
    ("행정복지센터", "종이팩과 건전지를 종량제봉투로 바꿔 드려요.", 12),
    ("초록마트", "장 보러 오는 길에 빈 병을 돌려주세요.", 4),
)
_SHOPS: Final = (
    ("제로웨이스트 상점", "세제와 샴푸를 덜어 살 수 있어요.", 40),
    ("리필스테이션", "다회용기를 가져오면 필요한 만큼 담아 드려요.", 20),
    ("카페", "텀블러를 가져오면 할인해 드려요.", 16),
    ("비건식당", "식물성 재료로 요리해요.", 8),
    ("업사이클 공방", "버려진 천으로 소품을 만들어요.", 8),
    ("동네책방", "헌책을 바꿔 읽어요.", 5),
    ("게스트하우스", "일회용품 없이 머무는 곳이에요.", 3),
)
_ITEMS: Final = (
    "투명페트병", "투명패트병", "투명페트명", "투명pet", "무색페트병", "유색페트병", "판PET",
    "알루미늄캔", "철캔", "종이팩", "서적", "신문지", "플라스틱류(PP, PE)", "유리병", "의류",
    "폐건전지", "건전지",
)  # fmt: skip
_WORKDAYS: Final = (
    "09:00~18:00", "09:00 ~ 21:00", "10:00~17:00", "08시~22시", "10시~22시", "상시", "00:00~24:00",
    "09:00~12:00, 13:00~18:00", "하절기(3월~10월) 09:00~18:00 / 동절기(11월~2월) 09:00~17:00",
    "18:00~02:00",
)  # fmt: skip
_ROUND_THE_CLOCK: Final = ("상시", "00:00~24:00", "08시~22시")


def rows(source: str, count: int, seed: int = 2026) -> Iterator[tuple[str, ...]]:
    """The header and `count` rows in the layout of a source."""
    chance = random.Random(f"{source} {seed}")
    if source == KECO:
        yield KECO_COLUMNS
        for number in range(1, count + 1):
            yield _keco(number, chance)
    else:
        yield ZEROWASTE_COLUMNS
        for number in range(1, count + 1):
            yield _zerowaste(number, chance)


def write(path: Path, lines: Iterable[tuple[str, ...]]) -> None:
    """Write rows as a CSV file in UTF-8."""
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(lines)


def _city(number: int, chance: random.Random) -> _City:
    """The first of every twenty stand around the map's start, whatever the count."""
    if number % 20 == 1:
        return _CITIES[0]
    return chance.choices(_CITIES, [city.weight for city in _CITIES])[0]


def _point(city: _City, chance: random.Random) -> tuple[str, str]:
    north = city.latitude + max(-3.0, min(3.0, chance.gauss(0, 1))) * city.spread
    east = city.longitude + max(-3.0, min(3.0, chance.gauss(0, 1))) * city.spread * 1.2
    return f"{north:.7f}", f"{east:.7f}"


def _address(city: _City, chance: random.Random) -> str:
    return f"{city.name} {chance.choice(_STREETS)} {chance.randint(1, 300)}"


def _keco(number: int, chance: random.Random) -> tuple[str, ...]:
    city = _city(number, chance)
    kind, remark, _ = chance.choices(_KINDS, [weight for *_, weight in _KINDS])[0]
    north, east = _point(city, chance)
    area = city.name.split()[-1]
    items = chance.sample(_ITEMS, chance.randint(1, 5)) if chance.random() < 0.75 else []
    workday = chance.choice(_ROUND_THE_CLOCK if kind == "무인회수기" else _WORKDAYS)
    weekend = workday if workday in _ROUND_THE_CLOCK else "휴무"
    saturday = chance.choice((weekend, "10:00~15:00"))
    cells = dict.fromkeys(KECO_COLUMNS, "")
    cells.update(dict.fromkeys(DAYS[:5], workday))
    cells.update(
        {
            "positnSn": str(900_000 + number),
            "positnNm": f"{MARK} {area} {kind} {number}호",
            "positnRgnNm": area,
            "positnLotnoAddr": f"{city.name} 샘플동 {chance.randint(1, 999)}",
            "positnRdnmAddr": _address(city, chance),
            "positnPstnAddExpln": chance.choice(("", "정문 옆", "1층 입구", "주차장 안쪽")),
            "positnPstnLat": north,
            "positnPstnLot": east,
            "positnIntdcCn": f"{REMARK}\n{remark}",
            DAYS[5]: saturday,
            DAYS[6]: weekend,
            "lhldySalsHrExplnCn": weekend,
            "bscTelnoCn": f"02-000-{number % 10_000:04d}" if chance.random() < 0.7 else "",
            "clctItemCn": "\n".join(items),
            "etcMttrCn": "단가는 바뀔 수 있으며 공휴일에는 쉽니다.",
        }
    )
    return tuple(cells.values())


def _zerowaste(number: int, chance: random.Random) -> tuple[str, ...]:
    city = _city(number, chance)
    kind, remark, _ = chance.choices(_SHOPS, [weight for *_, weight in _SHOPS])[0]
    north, east = _point(city, chance)
    cells = dict.fromkeys(ZEROWASTE_COLUMNS, "")
    cells.update(
        {
            "folderId": "9000001",
            "seq": str(990_000_000 + number),
            "favoriteType": "PLACE",
            "color": chance.choice(("2", "4", "6", "15")),
            "memo": f"{REMARK} {remark}",
            "display1": f"{MARK} {city.name.split()[-1]} {kind} {number}",
            "display2": _address(city, chance),
            "lon": east,
            "lat": north,
            "key": str(1_990_000_000 + number),
            "createdAt": "2024-01-01 00:00:00",
            "updatedAt": "2024-01-01 00:00:00",
        }
    )
    return tuple(cells.values())


SAMPLES: Final = ((KECO, 240), (ZEROWASTE, 120))
"""What the local run gets of each source."""
