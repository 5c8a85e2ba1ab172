"""The Korea Meteorological Administration's short-range service (domain.md (i)).

The observation of now comes hourly and knows no sky; sky and chance of rain come from the forecast,
which is made eight times a day. What was not told, or tells nonsense, is None.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum
from typing import Any, Final

from services.runtime.context import ProcessContext
from services.runtime.outbound import Answer, Outbound, OutboundError, Policy, client
from services.runtime.seoul import SEOUL
from streaming.chat.external import portal
from streaming.chat.external.kma_grid import Cell
from streaming.chat.external.policies import SERVICES
from streaming.chat.external.reading import members, number, rows
from streaming.chat.external.settings import ToolSettings

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
        observed, forecast = await asyncio.gather(
            self._latest(
                "getUltraSrtNcst", cell, observation_base(now), OBSERVATION_EVERY, _OBSERVED_ROWS
            ),
            self._latest("getVilageFcst", cell, forecast_base(now), FORECAST_EVERY, _FORECAST_ROWS),
        )
        if isinstance(observed, OutboundError) and isinstance(forecast, OutboundError):
            for error in (observed, forecast):
                if not isinstance(error, portal.NothingThere):
                    raise error
        return read(
            [] if isinstance(observed, OutboundError) else observed,
            [] if isinstance(forecast, OutboundError) else forecast,
            now,
        )

    async def _latest(
        self, method: str, cell: Cell, base: datetime, every: timedelta, most: int
    ) -> list[Mapping[str, Any]] | OutboundError:
        """The latest issue, or the one before it where that is late; why there is neither."""
        try:
            try:
                return await self._ask(method, cell, base, most)
            except portal.NothingThere:
                return await self._ask(method, cell, base - every, most)
        except OutboundError as error:
            return error

    async def _ask(
        self, method: str, cell: Cell, base: datetime, most: int
    ) -> list[Mapping[str, Any]]:
        answer = await self._http.get(
            f"{self._url}/{method}",
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
            check=_check,
        )
        return _rows(answer)


def _check(answer: Answer) -> None:
    portal.check(answer)
    if not _rows(answer):
        raise portal.NothingThere("kma: no rows")


def _rows(answer: Answer) -> list[Mapping[str, Any]]:
    return rows(members(answer.json(), "response", "body", "items", "item"))


def read(
    observed: Iterable[Mapping[str, Any]], forecast: Iterable[Mapping[str, Any]], now: datetime
) -> Weather:
    """The rows of both answers as weather; rows that make no sense are passed over. Pure."""
    current = {
        str(row.get("category")): value
        for row in observed
        if (value := _value(row.get("obsrValue"))) is not None
    }
    soon: dict[str, list[float]] = {}
    tomorrow: dict[str, list[float]] = {}
    # times are compared as they are written; reading them as times costs ten times as much
    begins, ends = _written(now - OBSERVATION_EVERY), _written(now + SOON)
    day = _written(now + timedelta(days=1))[:8]
    for at, category, value in sorted(_forecast(forecast)):
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


def _forecast(told: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, str, float]]:
    for row in told:
        category = row.get("category")
        if not isinstance(category, str) or category not in _READ:
            continue
        at, value = f"{row.get('fcstDate')}{row.get('fcstTime')}", _value(row.get("fcstValue"))
        if value is not None and _TIME.fullmatch(at):
            yield at, category, value


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


async def connect(
    context: ProcessContext, settings: ToolSettings, policy: Policy = SERVICES["kma"]
) -> Kma | None:
    """The adapter; None without a key."""
    if not settings.data_portal_key.get_secret_value():
        return None
    return Kma(await client(context, policy), settings)
