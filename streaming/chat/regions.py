"""Places that a question or an address names: provinces, districts, towns. Pure.

A name counts where a word begins and only a particle follows it, so that 가구 (furniture) is no
district and 고양이 (a cat) no town.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

import yaml
from pydantic import BaseModel, ConfigDict

from streaming.chat.turn import Place

_FILE: Final = Path(__file__).parent / "data" / "regions.yaml"

_PARTICLES: Final = "은|는|의|에|에서|에는|에선|도|로|부터|까지|쪽|지역|이랑|랑|하고|인데"
_AFTER: Final = rf"(?=(?:{_PARTICLES})?요?(?:[^가-힣]|$))"


@dataclass(frozen=True, slots=True, order=True)
class District:
    """A city, county or district, by the names people use."""

    province: str
    """For example ``서울``."""
    name: str
    """For example ``강남구``; the province's where it has no districts."""

    def __str__(self) -> str:
        """As a user reads it."""
        return self.name if self.name == self.province else f"{self.province} {self.name}"


@dataclass(frozen=True, slots=True)
class Town:
    """A town whose place is known."""

    name: str
    place: Place


class _Province(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    also: tuple[str, ...]
    districts: tuple[str, ...]


class _Data(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    version: int
    provinces: Mapping[str, _Province]
    seats: Mapping[str, tuple[float, float]]


class Regions:
    """``regions.yaml``."""

    def __init__(self, data: _Data) -> None:
        self._provinces = {
            name: short for short, each in data.provinces.items() for name in (short, *each.also)
        }
        self._districts: dict[str, list[District]] = {}
        for short, each in data.provinces.items():
            for name in each.districts or (short, *each.also):
                found = District(short, name if each.districts else short)
                self._districts.setdefault(name, []).append(found)
        self._towns = {
            name: Town(town, Place(latitude, longitude))
            for town, (latitude, longitude) in data.seats.items()
            for name in (town, *(data.provinces[town].also if town in data.provinces else ()))
        }
        self._province = _names(self._provinces)
        self._district = _names(self._districts)
        self._town = _names(self._towns, "(?:특별자치시|특별시|광역시|시|도)?")

    def districts_in(self, question: str) -> list[District]:
        """The districts a question may mean: one, several that share a name, or none."""
        found = self._district.search(question)
        if found is None:
            return []
        meant = self._districts[found.group(1)]
        named = {self._provinces[each.group(1)] for each in self._province.finditer(question)}
        return [each for each in meant if each.province in named] or list(meant)

    def district_of(self, address: str) -> District | None:
        """The district of an address: it begins with the province, or with a district whose name
        no other province has.
        """
        words = address.split()
        if not words:
            return None
        province = self._provinces.get(words[0])
        if province is None:
            alone = self._districts.get(words[0], ())
            return alone[0] if len(alone) == 1 else None
        for name in (*words[1:2], words[0]):
            for each in self._districts.get(name, ()):
                if each.province == province:
                    return each
        return None

    def province_of(self, name: str) -> str:
        """The usual name of a province that a data set names; as it is when it is none."""
        return self._provinces.get(name.strip(), name.strip())

    def town_in(self, question: str) -> Town | None:
        """The town a question names; the smaller one of a province and its town."""
        found = [self._towns[each.group(1)] for each in self._town.finditer(question)]
        smaller = [town for town in found if town.name not in self._provinces]
        return next(iter(smaller or found), None)


def _names(names: Iterable[str], ending: str = "") -> re.Pattern[str]:
    longest_first = sorted(names, key=len, reverse=True)
    return re.compile(rf"(?<![가-힣])({'|'.join(longest_first)}){ending}{_AFTER}")


@lru_cache(maxsize=1)
def load() -> Regions:
    """The regions, read once a process. ValidationError names what is wrong with the file."""
    return Regions(_Data.model_validate(yaml.safe_load(_FILE.read_text("utf-8"))))
