"""The Korea Meteorological Administration's short-range service (VilageFcstInfoService_2.0,
https://www.data.go.kr/data/15084084/openapi.do).

The observation of now comes hourly and knows no sky; sky and chance of rain come from the forecast,
which is made eight times a day. What was not told, or tells nonsense, is None.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum
from typing import Any, Final, NamedTuple, TypeVar

from services.runtime.outbound import Answer, Outbound, OutboundError
from services.runtime.seoul import SEOUL
from streaming.chat.external import portal
from streaming.chat.external.kma_grid import Cell
from streaming.chat.external.reading import members, number, rows
from streaming.chat.external.settings import ToolSettings

T = TypeVar("T")

OBSERVATION_EVERY: Final = timedelta(hours=1)
OBSERVATION_MINUTE: Final = 40
"""The observation of an hour can be asked for from this minute on."""

FORECAST_EVERY: Final = timedelta(hours=3)
FORECAST_HOURS: Final = (2, 5, 8, 11, 14, 17, 20, 23)
FORECAST_MINUTE: Final = 10
"""A forecast can be asked for ten minutes after its hour."""

SOON: Final = timedelta(hours=12)

_OBSERVED_ROWS: Final = 20
_FORECAST_ROWS: Final = 650
"""12 values an hour and two a day: 48 hours reach the end of tomorrow from any forecast."""

_READ: Final = frozenset({"POP", "PTY", "SKY", "TMN", "TMP", "TMX"})
_TIME: Final = re.compile(r"[0-9]{12}")

_MISSING: Final = 900.0
"""Values of ±900 and beyond stand for "not measured"."""


class Precipitation(IntEnum):
    """``PTY``: 0–4 of the forecast, also 5–7 of the observation."""

    NONE = 0
    RAIN = 1
    SLEET = 2
    SNOW = 3
    SHOWER = 4
    DRIZZLE = 5
    DRIZZLE_SNOW = 6
    SNOW_FLURRY = 7

    @property
    def korean(self) -> str:
        """As a user reads it."""
        return ("없음", "비", "비/눈", "눈", "소나기", "빗방울", "빗방울/눈날림", "눈날림")[self]


class Sky(IntEnum):
    """``SKY``."""

    CLEAR = 1
    CLOUDY = 3
    OVERCAST = 4

    @property
    def korean(self) -> str:
        """As a user reads it."""
        return {Sky.CLEAR: "맑음", Sky.CLOUDY: "구름 많음", Sky.OVERCAST: "흐림"}[self]


@dataclass(frozen=True, slots=True, kw_only=True)
class Weather:
    """The weather of a cell; None where it was not told."""

    temperature: float | None = None
    """°C, now."""
    humidity: float | None = None
    """Per cent, now."""
    precipitation: Precipitation | None = None
    """Now."""
    sky: Sky | None = None
    """At the next full hour."""
    coming: Precipitation | None = None
    """The first that falls within twelve hours; NONE when the forecast has none."""
    rain_chance: float | None = None
    """Highest chance within twelve hours, per cent."""
    tomorrow_rain_chance: float | None = None
    """Highest chance of tomorrow, per cent."""
    tomorrow_low: float | None = None
    """°C."""
    tomorrow_high: float | None = None
    """°C."""

    @property
    def is_known(self) -> bool:
        """Whether anything at all was told."""
        return self != Weather()


class Foretold(NamedTuple):
    """A value of a forecast."""

    at: str
    """The hour it is for, as it is written (``YYYYMMDDHHMM``, in Seoul): hours are compared like
    that, reading them as times costs ten times as much."""
    category: str
    value: float


def observation_base(now: datetime) -> datetime:
    """The hour whose observation is there: the one before, until minute 40."""
    hour = now.replace(minute=0, second=0, microsecond=0)
    return hour if now.minute >= OBSERVATION_MINUTE else hour - OBSERVATION_EVERY


def forecast_base(now: datetime) -> datetime:
    """The latest forecast that is there; yesterday's last one until 02:10."""
    ready = now - timedelta(minutes=FORECAST_MINUTE)
    hours = [hour for hour in FORECAST_HOURS if hour <= ready.hour]
    day = ready if hours else ready - timedelta(days=1)
    hour = hours[-1] if hours else FORECAST_HOURS[-1]
    return day.replace(hour=hour, minute=0, second=0, microsecond=0)


class Kma:
    """Asks the weather service; methods may raise an OutboundError."""

    def __init__(self, http: Outbound, settings: ToolSettings) -> None:
        self._http = http
        self._url = settings.kma_url.rstrip("/")
        self._key = settings.data_portal_key.get_secret_value()

    async def weather(self, cell: Cell, now: datetime) -> Weather:
        """The weather of a cell, now and until tomorrow. `now`: any zone.

        Half an answer is one: of the two questions one may fail. Where there are no values at all,
        nothing is known.
        """
        now = now.astimezone(SEOUL)
        current, coming = await asyncio.gather(
            self._latest(observed, cell, observation_base(now), OBSERVATION_EVERY),
            self._latest(foretold, cell, forecast_base(now), FORECAST_EVERY),
        )
        if isinstance(current, OutboundError) and isinstance(coming, OutboundError):
            for error in (current, coming):
                if not isinstance(error, portal.NothingThere):
                    raise error
        return read(
            {} if isinstance(current, OutboundError) else current,
            () if isinstance(coming, OutboundError) else coming,
            now,
        )

    async def _latest(
        self, reader: Callable[[Answer], T], cell: Cell, base: datetime, every: timedelta
    ) -> T | OutboundError:
        """The latest issue, or the one before it where that is late; why there is neither."""
        try:
            try:
                return await self._ask(reader, cell, base)
            except portal.NothingThere:
                return await self._ask(reader, cell, base - every)
        except OutboundError as error:
            return error

    async def _ask(self, reader: Callable[[Answer], T], cell: Cell, base: datetime) -> T:
        method, most = _METHODS[reader]
        return await self._http.read(
            f"{self._url}/{method}",
            reader,
            params={
                "serviceKey": self._key,
                "dataType": "JSON",
                "pageNo": "1",
                "numOfRows": str(most),
                "base_date": f"{base:%Y%m%d}",
                "base_time": f"{base:%H%M}",
                "nx": str(cell.x),
                "ny": str(cell.y),
            },
        )


def observed(answer: Answer) -> Mapping[str, float]:
    """The values of an observation, by category; an OutboundError when it has no rows."""
    return observed_in(_rows(answer))


def foretold(answer: Answer) -> Sequence[Foretold]:
    """The values of a forecast that are used, by hour; an OutboundError when it has no rows."""
    return foretold_in(_rows(answer))


_METHODS: Final[Mapping[Callable[[Answer], Any], tuple[str, int]]] = {
    observed: ("getUltraSrtNcst", _OBSERVED_ROWS),
    foretold: ("getVilageFcst", _FORECAST_ROWS),
}
"""What is asked for, and how many rows, by what reads the answer."""


def _rows(answer: Answer) -> list[Mapping[str, Any]]:
    found = rows(members(portal.body_of(answer), "items", "item"))
    if not found:
        raise portal.NothingThere("kma: no rows")
    return found


def observed_in(told: Iterable[Mapping[str, Any]]) -> dict[str, float]:
    """Rows of an observation as values; those that make no sense are passed over. Pure."""
    return {
        str(row.get("category")): value
        for row in told
        if (value := _value(row.get("obsrValue"))) is not None
    }


def foretold_in(told: Iterable[Mapping[str, Any]]) -> tuple[Foretold, ...]:
    """Rows of a forecast as values, by hour; those that make no sense are passed over. Pure."""
    return tuple(sorted(_foretold(told)))


def read(current: Mapping[str, float], coming: Sequence[Foretold], now: datetime) -> Weather:
    """The values of both answers as weather. Pure."""
    soon: dict[str, list[float]] = {}
    tomorrow: dict[str, list[float]] = {}
    begins, ends = _written(now - OBSERVATION_EVERY), _written(now + SOON)
    day = _written(now + timedelta(days=1))[:8]
    for at, category, value in coming:
        if begins < at <= ends:
            soon.setdefault(category, []).append(value)
        if at.startswith(day):
            tomorrow.setdefault(category, []).append(value)
    kinds = [kind for each in soon.get("PTY", ()) if (kind := _precipitation(each)) is not None]
    return Weather(
        temperature=current.get("T1H"),
        humidity=current.get("REH"),
        precipitation=_precipitation(current.get("PTY")),
        sky=_sky(next(iter(soon.get("SKY", ())), None)),
        coming=next((kind for kind in kinds if kind), Precipitation.NONE if kinds else None),
        rain_chance=max(soon.get("POP", ()), default=None),
        tomorrow_rain_chance=max(tomorrow.get("POP", ()), default=None),
        tomorrow_low=min(tomorrow.get("TMN") or tomorrow.get("TMP") or (), default=None),
        tomorrow_high=max(tomorrow.get("TMX") or tomorrow.get("TMP") or (), default=None),
    )


def _foretold(told: Iterable[Mapping[str, Any]]) -> Iterator[Foretold]:
    for row in told:
        category = row.get("category")
        if not isinstance(category, str) or category not in _READ:
            continue
        at, value = f"{row.get('fcstDate')}{row.get('fcstTime')}", _value(row.get("fcstValue"))
        if value is not None and _TIME.fullmatch(at):
            yield Foretold(at, category, value)


def _written(at: datetime) -> str:
    return f"{at:%Y%m%d%H%M}"


def _value(told: Any) -> float | None:
    value = number(told)
    return None if value is None or abs(value) >= _MISSING else value


def _precipitation(value: float | None) -> Precipitation | None:
    try:
        return None if value is None else Precipitation(int(value))
    except ValueError:
        return None


def _sky(value: float | None) -> Sky | None:
    try:
        return None if value is None else Sky(int(value))
    except ValueError:
        return None
