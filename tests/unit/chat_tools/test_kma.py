"""The weather service: when it is asked for what, and what is made of its answers."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from services.runtime.outbound import OutboundError, OutboundRefused, OutboundUnavailable
from services.runtime.seoul import SEOUL
from streaming.chat.external import kma
from streaming.chat.external.kma import Kma, Precipitation, Sky, Weather
from streaming.chat.external.kma_grid import Cell
from tests import recorded_portal as recorded
from tests.stranger import Handler, Stranger, always, flood, never
from tests.unit.chat_tools.conftest import Connecting
from tests.wait import until

Asking = Callable[..., AbstractAsyncContextManager[Kma]]

CITY = Cell(60, 127)
NOON = datetime(2026, 7, 1, 12, 5, tzinfo=SEOUL)
NOW = recorded.portal(recorded.observed(T1H="27.4", REH="88", PTY="0", RN1="0", WSD="1.9"))
COMING = recorded.portal(
    recorded.forecast(
        {
            "20260701 1200": {"TMP": "27", "SKY": "3", "PTY": "0", "POP": "20", "PCP": "강수없음"},
            "20260701 1800": {"TMP": "24", "SKY": "4", "PTY": "1", "POP": "70", "PCP": "1.0mm"},
            "20260702 0600": {"TMN": "21.0", "TMP": "21", "PTY": "4", "POP": "80"},
            "20260702 1500": {"TMX": "26.0", "TMP": "26", "PTY": "0", "POP": "30"},
            "20260703 1500": {"TMX": "35.0", "POP": "90"},
        }
    )
)


def at(hour: int, minute: int, day: int = 1) -> datetime:
    return datetime(2026, 7, day, hour, minute, tzinfo=SEOUL)


@pytest.mark.parametrize(
    ("now", "base"),
    [
        (at(12, 39), at(11, 0)),
        (at(12, 40), at(12, 0)),
        (at(0, 39), at(23, 0, day=30).replace(month=6)),
        (at(0, 40), at(0, 0)),
    ],
)
def test_the_observation_of_an_hour_is_there_from_minute_forty(
    now: datetime, base: datetime
) -> None:
    assert kma.observation_base(now) == base


@pytest.mark.parametrize(
    ("now", "base"),
    [
        (at(2, 9), at(23, 0, day=30).replace(month=6)),
        (at(0, 0), at(23, 0, day=30).replace(month=6)),
        (at(2, 10), at(2, 0)),
        (at(5, 9), at(2, 0)),
        (at(13, 0), at(11, 0)),
        (at(23, 9), at(20, 0)),
        (at(23, 10), at(23, 0)),
    ],
)
def test_a_forecast_is_there_ten_minutes_after_its_hour(now: datetime, base: datetime) -> None:
    assert kma.forecast_base(now) == base


@given(st.datetimes(datetime(2024, 1, 1), datetime(2027, 1, 1)))
def test_what_is_asked_for_has_always_been_published(when: datetime) -> None:
    now = when.replace(tzinfo=SEOUL)
    base = kma.forecast_base(now)
    assert base.hour in kma.FORECAST_HOURS
    assert 10 * 60 <= (now - base).total_seconds() < 3 * 3600 + 10 * 60
    assert 0 <= (now - kma.observation_base(now)).total_seconds() < 2 * 3600


@pytest.fixture
def asking(stranger: Stranger, connecting: Connecting) -> Asking:
    """Connects to the service, which answers well until a test says otherwise."""
    stranger.answer = by_method()
    return partial(connecting, Kma, "kma")


def by_method(now: Handler | bytes = NOW, coming: Handler | bytes = COMING) -> Handler:
    async def answer(request: web.Request) -> web.StreamResponse:
        told = now if request.path.endswith("getUltraSrtNcst") else coming
        return web.Response(body=told) if isinstance(told, bytes) else await told(request)

    return answer


async def test_both_answers_become_one_weather(stranger: Stranger, asking: Asking) -> None:
    async with asking() as service:
        found = await service.weather(CITY, NOON.astimezone(UTC))
    assert found == Weather(
        temperature=27.4,
        humidity=88,
        precipitation=Precipitation.NONE,
        sky=Sky.CLOUDY,
        coming=Precipitation.RAIN,
        rain_chance=70,
        tomorrow_rain_chance=80,
        tomorrow_low=21,
        tomorrow_high=26,
    )
    asked = {request.path: request.query for request in stranger.asked}
    now, coming = asked["/getUltraSrtNcst"], asked["/getVilageFcst"]
    assert (now["base_date"], now["base_time"]) == ("20260701", "1100")
    assert (coming["base_date"], coming["base_time"]) == ("20260701", "1100")
    assert (now["nx"], now["ny"], now["dataType"]) == ("60", "127", "JSON")
    assert now["serviceKey"] == "hush"


async def test_an_issue_that_is_late_is_replaced_by_the_one_before(
    stranger: Stranger, asking: Asking
) -> None:
    async def late(request: web.Request) -> web.StreamResponse:
        there = request.query["base_time"] == "0800"
        return web.Response(body=COMING if there else recorded.NO_DATA)

    stranger.answer = by_method(coming=late)
    async with asking() as service:
        found = await service.weather(CITY, NOON)
    assert found.rain_chance == 70
    times = [r.query["base_time"] for r in stranger.asked if r.path == "/getVilageFcst"]
    assert times == ["1100", "0800"]


async def test_half_an_answer_is_one(stranger: Stranger, asking: Asking) -> None:
    stranger.answer = by_method(coming=always(500))
    async with asking() as service:
        found = await service.weather(CITY, NOON)
    assert (found.temperature, found.rain_chance) == (27.4, None)


@pytest.mark.parametrize(
    ("answer", "error", "attempts"),
    [
        (always(500), OutboundUnavailable, 2),
        (never, OutboundUnavailable, 2),
        (flood, OutboundError, 1),
        (always(body=recorded.KEY_UNKNOWN), OutboundRefused, 1),
        (always(body=recorded.BAD_CALL), OutboundRefused, 1),
        (always(body=recorded.QUOTA_USED_UP), OutboundUnavailable, 1),
        (always(body=recorded.TIMED_OUT), OutboundUnavailable, 2),
        (always(body=b"<html>maintenance</html>"), OutboundUnavailable, 2),
        (always(body=b"[" * 100_000), OutboundUnavailable, 2),
        (always(body=b""), OutboundUnavailable, 2),
        (always(401, body=b"Unauthorized"), OutboundRefused, 1),
    ],
)
async def test_failures_are_told_as_what_they_are_and_name_no_key(
    stranger: Stranger, asking: Asking, answer: Handler, error: type[Exception], attempts: int
) -> None:
    stranger.answer = answer
    async with asking(timeout_seconds=0.2 if answer is never else 5.0) as service:
        with pytest.raises(error) as caught:
            await service.weather(CITY, NOON)
    assert "hush" not in str(caught.value)
    if answer is not never:  # a busy machine may not get a call through in so short a time
        assert len(stranger.asked) == 2 * attempts


@pytest.mark.parametrize(
    "rows",
    [
        [],
        "",
        None,
        7,
        [None, [], "x", {}],
        [{"category": "T1H", "obsrValue": float("nan")}],
        [{"category": "T1H", "obsrValue": "NaN"}],
        [{"category": "T1H", "obsrValue": "-998.9"}],
        [{"category": "T1H", "obsrValue": True}],
        [{"category": "PTY", "obsrValue": "42"}],
        [{"category": [], "obsrValue": {}}],
        [{"category": "POP", "fcstDate": "20261399", "fcstTime": "9999", "fcstValue": "50"}],
        [{"category": "POP", "fcstDate": None, "fcstTime": [], "fcstValue": "50"}],
    ],
)
async def test_rows_that_make_no_sense_are_passed_over(
    stranger: Stranger, asking: Asking, rows: Any
) -> None:
    stranger.answer = always(body=recorded.portal(rows))
    async with asking() as service:
        assert not (await service.weather(CITY, NOON)).is_known


VALUES = st.none() | st.booleans() | st.floats() | st.text() | st.lists(st.integers())
NAMES = ("category", "obsrValue", "fcstDate", "fcstTime", "fcstValue")


@given(st.lists(st.dictionaries(st.sampled_from(NAMES), VALUES)))
def test_whatever_rows_hold_reading_them_never_fails(told: list[dict[str, Any]]) -> None:
    kma.read(kma.observed_in(told), kma.foretold_in(told), NOON)


async def test_an_error_with_a_good_status_is_not_kept_and_an_answer_is_as_it_was_read(
    stranger: Stranger, asking: Asking, monkeypatch: pytest.MonkeyPatch
) -> None:
    stranger.answer = always(body=recorded.TIMED_OUT)
    async with asking(cache_seconds=600.0, attempts=1) as service:
        with pytest.raises(OutboundUnavailable):
            await service.weather(CITY, NOON)
        stranger.answer = by_method()
        found = await service.weather(CITY, NOON)
        assert found.is_known
        asked = len(stranger.asked)
        monkeypatch.setattr("json.loads", None)  # what was read once is kept as it was read
        assert await service.weather(CITY, NOON) == found
        assert len(stranger.asked) == asked


async def test_after_failures_the_service_is_left_alone(stranger: Stranger, asking: Asking) -> None:
    stranger.answer = always(body=recorded.TIMED_OUT)
    rules = {"attempts": 1, "breaker_failures": 2, "breaker_open_seconds": 600.0}
    async with asking(**rules) as service:
        with pytest.raises(OutboundUnavailable, match="result 5"):
            await service.weather(CITY, NOON)
        with pytest.raises(OutboundUnavailable, match="left alone"):
            await service.weather(CITY, NOON)
    assert len(stranger.asked) == 2


async def test_a_service_that_was_left_alone_is_tried_again(
    stranger: Stranger, asking: Asking
) -> None:
    stranger.answer = always(body=recorded.TIMED_OUT)
    rules = {"attempts": 1, "breaker_failures": 2, "breaker_open_seconds": 0.05}
    async with asking(**rules) as service:
        with pytest.raises(OutboundUnavailable):
            await service.weather(CITY, NOON)
        stranger.answer = by_method()

        async def back() -> bool:
            try:
                return (await service.weather(CITY, NOON)).is_known
            except OutboundUnavailable:
                return False

        await until(back, within_seconds=10)
