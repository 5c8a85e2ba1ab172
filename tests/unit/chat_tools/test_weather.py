"""The weather's branch: where it is asked for, and where it only adds to an answer."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import grpc.aio
import pytest
from eco2.location.v1 import location_service_pb2

from services.runtime.outbound import OutboundUnavailable
from streaming.chat.branches import weather
from streaming.chat.branches.nearby import Nearby
from streaming.chat.branches.weather import WeatherBranch
from streaming.chat.external.kma import Kma, Precipitation, Sky, Weather
from streaming.chat.external.kma_grid import Cell
from streaming.chat.intent import Intent
from streaming.chat.policies import Policy, policy_of
from streaming.chat.tools import Tools
from streaming.chat.turn import Place
from tests import recorded_portal as recorded
from tests.stranger import Handler, Stranger, always, flood, never
from tests.unit.chat_tools.conftest import Asking, Connecting

SEOUL = Place(37.5665, 126.978)
RAINY = Weather(
    temperature=18.5,
    humidity=92,
    precipitation=Precipitation.RAIN,
    sky=Sky.OVERCAST,
    coming=Precipitation.RAIN,
    rain_chance=80,
    tomorrow_rain_chance=20,
    tomorrow_low=12,
    tomorrow_high=21,
)


class Service:
    """A weather service that has one weather, or none."""

    def __init__(self, found: Weather | Exception) -> None:
        self.asked: list[Cell] = []
        self._found = found

    async def weather(self, cell: Cell, now: datetime) -> Weather:
        assert now.tzinfo is not None
        self.asked.append(cell)
        if isinstance(self._found, Exception):
            raise self._found
        return self._found


class Places:
    """A location service that knows one station."""

    def __init__(self, error: Exception | None = None) -> None:
        self._error = error

    async def Suggest(self, request: Any, **_: Any) -> Any:
        if self._error is not None:
            raise self._error
        spot = location_service_pb2.Suggestion(
            place_name="해운대역", address="부산 해운대구", latitude=35.1637, longitude=129.1588
        )
        return location_service_pb2.SuggestResponse(items=[spot])


def near(error: Exception | None = None) -> Nearby:
    places: Any = Places(error)
    return Nearby(places)


def branch(found: Weather | Exception = RAINY) -> tuple[WeatherBranch, Service]:
    service: Any = Service(found)
    return WeatherBranch(service, near()), service


async def test_asked_for_the_weather_it_tells_it_with_what_it_means(asking: Asking) -> None:
    made, service = branch()
    result = await made.run(asking("오늘 날씨 어때?", Intent.WEATHER, place=SEOUL))
    assert service.asked == [Cell(60, 127)]
    for said in ("비, 기온 18.5℃, 습도 92%", "최대 80%", "12~21℃", weather.WET_PAPER):
        assert said in result.answer
    assert result.citations[0].source == "kma"
    assert weather.WET_PAPER in result.context


async def test_a_town_that_is_named_counts_more_than_where_the_user_is(asking: Asking) -> None:
    made, service = branch()
    result = await made.run(asking("부산 날씨 알려줘", Intent.WEATHER, place=SEOUL))
    assert service.asked == [Cell(98, 76)]
    assert result.answer.startswith("- 부산: ")
    await made.run(asking("제주도는 비 와?", Intent.WEATHER))
    assert service.asked[-1] == Cell(53, 38)


async def test_a_place_that_the_location_service_knows_can_be_named(asking: Asking) -> None:
    made, service = branch()
    for named in ("해운대역 근처 날씨", "해운대구 날씨"):
        result = await made.run(asking(f"{named} 어때?", Intent.WEATHER, place=SEOUL))
        assert service.asked[-1] == Cell(99, 75)
        assert result.answer.startswith(("- 해운대역: ", "- 부산 해운대구: "))
    down = grpc.aio.AioRpcError(
        grpc.StatusCode.UNAVAILABLE, grpc.aio.Metadata(), grpc.aio.Metadata(), "", ""
    )
    any_service: Any = service
    without = WeatherBranch(any_service, near(down))
    result = await without.run(asking("해운대구 날씨", Intent.WEATHER, place=SEOUL))
    assert service.asked[-1] == Cell(60, 127)
    assert weather.HERE in result.answer


async def test_without_a_place_it_asks_once_and_then_says_why_not(asking: Asking) -> None:
    made, service = branch()
    asked = await made.run(asking("비 와?", Intent.WEATHER))
    assert asked.needs_input is not None
    assert asked.needs_input.type == "location"
    again = await made.run(asking("비 와?", Intent.WEATHER, may_ask=False))
    assert (again.answer, again.needs_input) == (weather.NO_PLACE, None)
    abroad = await made.run(asking("비 와?", Intent.WEATHER, place=Place(40.7, -74.0)))
    assert abroad.answer == weather.OUTSIDE
    assert not service.asked


async def test_without_a_key_it_says_where_to_look_and_asks_for_nothing(asking: Asking) -> None:
    made = WeatherBranch(None, near())
    result = await made.run(asking("비 와?", Intent.WEATHER))
    assert (result.available, result.needs_input) == (False, None)
    assert "weather.go.kr" in result.answer
    assert await made.run(asking("캔 버리기", place=SEOUL)) == type(result)()


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("박스 버려도 돼?", weather.WET_PAPER),
        ("신문지는 어떻게 버려?", weather.WET_PAPER),
        ("유리병은 어떻게 버려?", ""),
    ],
)
async def test_beside_another_question_it_says_only_what_fits(
    asking: Asking, question: str, said: str
) -> None:
    made, _ = branch()
    result = await made.run(asking(question, place=SEOUL))
    assert result.answer == said
    assert "기온 18.5℃" in result.context
    assert (await made.run(asking(question))).context == ""


@pytest.mark.parametrize(
    ("found", "question", "expected"),
    [
        (Weather(precipitation=Precipitation.DRIZZLE), "종이", [weather.WET_PAPER]),
        (Weather(precipitation=Precipitation.SHOWER), "종이", [weather.PAPER_INSIDE]),
        (Weather(precipitation=Precipitation.DRIZZLE_SNOW), "종이", [weather.PAPER_INSIDE]),
        (Weather(precipitation=Precipitation.SNOW), "캔", [weather.SLIPPERY]),
        (Weather(precipitation=Precipitation.SNOW_FLURRY), "캔", [weather.SLIPPERY]),
        (Weather(rain_chance=60), "박스", [weather.RAIN_TO_COME]),
        (Weather(rain_chance=50), "박스", []),
        (Weather(coming=Precipitation.RAIN), "박스", [weather.RAIN_TO_COME]),
        (Weather(tomorrow_rain_chance=90), "박스", []),
        (Weather(tomorrow_rain_chance=90), "내일 박스", [weather.RAIN_TO_COME]),
        (Weather(humidity=85), "책", [weather.DAMP]),
        (Weather(temperature=30), "음식물", [weather.FOOD_SPOILS]),
        (Weather(temperature=25), "음식물", [weather.FOOD_SPOILS]),
        (Weather(temperature=24.9), "음식물", []),
        (Weather(temperature=30), "캔 음료", []),
        (Weather(temperature=0), "음료", [weather.FREEZING]),
        (Weather(), "종이 음식물", []),
    ],
)
def test_tips_follow_the_weather_and_the_question(
    found: Weather, question: str, expected: list[str]
) -> None:
    assert [tip for tip, fits in weather.tips(found, question) if fits] == expected


@pytest.mark.parametrize("found", [Weather(), OutboundUnavailable("down")])
async def test_when_the_service_fails_the_turn_goes_on(
    asking: Asking, found: Weather | Exception
) -> None:
    made, _ = branch(found)
    tools = Tools({"weather": made})
    own = await tools.run("weather", asking("비 와?", Intent.WEATHER, place=SEOUL), own=True)
    assert own is not None
    assert (own.available, own.answer) == (False, weather.AWAY)
    beside = await tools.run("weather", asking("캔 버리기", place=SEOUL))
    assert beside is None or beside.answer == ""


@pytest.mark.parametrize(
    "answer",
    [
        always(500),
        always(401),
        never,
        flood,
        always(body=recorded.KEY_UNKNOWN),
        always(body=recorded.NO_DATA),
        always(body=b"[]"),
        always(body=recorded.portal([{"category": "T1H", "obsrValue": float("nan")}])),
    ],
)
async def test_whatever_the_service_answers_the_turn_goes_on(
    asking: Asking, stranger: Stranger, connecting: Connecting, answer: Handler
) -> None:
    stranger.answer = answer
    rules = {"timeout_seconds": 0.1} if answer is never else {}
    async with connecting(Kma, "kma", **rules) as service:
        tools = Tools({"weather": WeatherBranch(service, near())})
        own = await tools.run("weather", asking("비 와?", Intent.WEATHER, place=SEOUL), own=True)
        assert own is not None
        assert (own.available, own.answer) == (False, weather.AWAY)
        beside = await tools.run("weather", asking("박스 버리기", place=SEOUL))
        assert beside is None or beside.answer == ""


async def test_after_failures_in_a_row_the_branch_is_held_off(asking: Asking) -> None:
    made, service = branch(OutboundUnavailable("down"))
    tools = Tools({"weather": made}, policies=lambda name: Policy(1.0, 0, 2, policy_of(name).fail))
    question = asking("비 와?", Intent.WEATHER, place=SEOUL)
    for _ in range(4):
        assert await tools.run("weather", question) is None
    assert len(service.asked) == 2
