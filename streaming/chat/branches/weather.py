"""The weather, and what it means for what is put out today."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import grpc.aio

from services.runtime import logs
from streaming.chat import regions
from streaming.chat.branch import BranchResult, Citation, NeedsInput
from streaming.chat.branches.nearby import Nearby
from streaming.chat.external.kma import Kma, Precipitation, Weather
from streaming.chat.external.kma_grid import cell_of
from streaming.chat.intent import Intent
from streaming.chat.turn import Place, TurnContext
from streaming.chat.untrusted import as_line

log = logs.get(__name__)

SITE: Final = "https://www.weather.go.kr"

HERE: Final = "지금 계신 곳"
ASK: Final = "어느 곳의 날씨를 알려 드릴까요? 지금 위치를 알려 주세요."
NO_PLACE: Final = (
    "위치를 알 수 없어 날씨를 찾지 못했어요. "
    "위치를 켜거나 도시 이름과 함께 물어봐 주세요. (예: 부산 날씨)"
)
OUTSIDE: Final = "한국 밖의 날씨는 알려 드릴 수 없어요."
AWAY: Final = (
    f"지금은 날씨를 알려 드릴 수 없어요. [기상청 날씨누리]({SITE})에서 확인해 주세요. "
    "비나 눈이 오면 종이류는 젖지 않게 두었다가 마른 날 내놓는 게 좋아요."
)

WET_PAPER: Final = (
    "비에 젖은 종이는 재활용하기 어려워요. 종이류는 젖지 않게 덮거나 그친 뒤에 내놓아 주세요."
)
PAPER_INSIDE: Final = "종이류는 비가 그칠 때까지 실내에 두었다가 내놓아 주세요."
RAIN_TO_COME: Final = "비 소식이 있으니 종이류는 젖지 않게 하거나 마른 날 내놓아 주세요."
SLIPPERY: Final = "눈길이 미끄러우니 내놓으러 가실 때 조심하세요."
FOOD_SPOILS: Final = "더운 날에는 음식물이 빨리 상해요. 물기를 빼고 바로 내놓아 주세요."
FREEZING: Final = "영하에는 남은 음료나 물이 얼어 용기가 깨질 수 있으니 비우고 내놓아 주세요."
DAMP: Final = "습도가 높으니 종이류는 마른 곳에 두었다가 내놓아 주세요."

HOT, WARM, FROST = 30.0, 25.0, 0.0
"""°C from which things smell, spoil, or freeze to the bin."""
DAMP_FROM: Final = 85.0
"""Per cent of humidity from which paper does not stay dry."""
LIKELY: Final = 60.0
"""Per cent from which rain is expected."""

_WET: Final = frozenset({Precipitation.RAIN, Precipitation.DRIZZLE})
_SLEET: Final = frozenset({Precipitation.SLEET, Precipitation.SHOWER, Precipitation.DRIZZLE_SNOW})
_SNOW: Final = frozenset({Precipitation.SNOW, Precipitation.SNOW_FLURRY})

_PAPER: Final = re.compile("종이|박스|상자|신문|책|노트|우유팩|쇼핑백|택배")
_FOOD: Final = re.compile("음식물|음식|과일|채소|찌꺼기")
_LIQUID: Final = re.compile("음료|물병|페트|유리|병|캔")
_TOMORROW: Final = re.compile("내일")


class WeatherBranch:
    """Answers from the weather service; without its key it says where to look."""

    name: Final = "weather"

    def __init__(self, kma: Kma | None, nearby: Nearby) -> None:
        self._kma = kma
        self._nearby = nearby
        self._regions = regions.load()

    async def run(self, context: TurnContext) -> BranchResult:
        """The weather where it was asked for, else what today's means for the question."""
        asked = context.intent is Intent.WEATHER
        if self._kma is None:
            return self.unavailable(context) if asked else BranchResult()
        place, where = await self._where(context) if asked else (context.place, "")
        if place is None:
            return _without_place(context) if asked else BranchResult()
        cell = cell_of(place.latitude, place.longitude)
        if cell is None:
            return BranchResult(answer=OUTSIDE, quality=0.0) if asked else BranchResult()
        weather = await self._kma.weather(cell, context.now)
        if not weather.is_known:
            return self.unavailable(context) if asked else BranchResult()
        return told(weather, context, where or HERE)

    async def _where(self, context: TurnContext) -> tuple[Place | None, str]:
        """The place that is meant, with its name: one that the question names, else the user's."""
        town = self._regions.town_in(context.message)
        if town is not None:
            return town.place, town.name
        try:
            there, spot = await self._nearby.placed(context)
        except grpc.aio.AioRpcError as error:
            log.info("answered for where the user is", error=error.code().name)
            return context.place, ""
        return there.place, "" if spot is None else spot.name

    def unavailable(self, context: TurnContext) -> BranchResult:
        """Where to look instead, and what is true of any rain."""
        return BranchResult(answer=AWAY, available=False)


def _without_place(context: TurnContext) -> BranchResult:
    if context.may_ask:
        return BranchResult(needs_input=NeedsInput("location", ASK))
    return BranchResult(answer=NO_PLACE, quality=0.0)


def told(weather: Weather, context: TurnContext, where: str) -> BranchResult:
    """The weather as an answer where it was asked for, else the tips that fit. Pure."""
    asked = context.intent is Intent.WEATHER
    facts = list(_facts(weather, as_line(where, 30)))
    every = list(tips(weather, context.message))
    fitting = [tip for tip, fits in every if fits or asked]
    listed = "\n".join(f"- {fact}" for fact in facts) if asked else ""
    answer = "\n\n".join(filter(None, (listed, " ".join(fitting))))
    return BranchResult(
        context="\n".join((*facts, *(tip for tip, _ in every))),
        answer=answer,
        citations=(Citation("kma", "기상청 단기예보", url=SITE),) if answer else (),
        metadata={"where": where} if asked else {},
        quality=1.0 if asked else None,
    )


def tips(weather: Weather, question: str) -> Iterator[tuple[str, bool]]:
    """What the weather means for things put out, and whether the question is about them. Pure."""
    paper = _PAPER.search(question) is not None
    kind = weather.precipitation
    if kind in _WET:
        yield WET_PAPER, paper
    elif kind in _SLEET:
        yield PAPER_INSIDE, paper
    elif kind in _SNOW:
        yield SLIPPERY, True
    elif _expected(weather, tomorrow=_TOMORROW.search(question) is not None):
        yield RAIN_TO_COME, paper
    elif weather.humidity is not None and weather.humidity >= DAMP_FROM:
        yield DAMP, paper
    if weather.temperature is None:
        return
    food = _FOOD.search(question) is not None
    if weather.temperature >= HOT or (food and weather.temperature >= WARM):
        yield FOOD_SPOILS, food
    if weather.temperature <= FROST:
        yield FREEZING, food or _LIQUID.search(question) is not None


def _expected(weather: Weather, *, tomorrow: bool) -> bool:
    chances = [weather.rain_chance, weather.tomorrow_rain_chance if tomorrow else None]
    return bool(weather.coming) or any(each is not None and each >= LIKELY for each in chances)


def _facts(weather: Weather, where: str) -> Iterator[str]:
    now = []
    if weather.precipitation:
        now.append(weather.precipitation.korean)
    elif weather.sky is not None:
        now.append(weather.sky.korean)
    elif weather.precipitation is not None:
        now.append("비나 눈은 오지 않음")
    if weather.temperature is not None:
        now.append(f"기온 {weather.temperature:g}℃")
    if weather.humidity is not None:
        now.append(f"습도 {weather.humidity:g}%")
    if now:
        yield f"{where}: {', '.join(now)}"
    soon = []
    if weather.rain_chance is not None:
        soon.append(f"강수 확률 최대 {weather.rain_chance:g}%")
    if weather.coming and not weather.precipitation:
        soon.append(f"{weather.coming.korean} 예보")
    if soon:
        yield f"앞으로 12시간: {', '.join(soon)}"
    tomorrow = []
    if weather.tomorrow_low is not None and weather.tomorrow_high is not None:
        tomorrow.append(f"{weather.tomorrow_low:g}~{weather.tomorrow_high:g}℃")
    if weather.tomorrow_rain_chance is not None:
        tomorrow.append(f"강수 확률 최대 {weather.tomorrow_rain_chance:g}%")
    if tomorrow:
        yield f"내일: {', '.join(tomorrow)}"
