"""Questions that public data sets answer, from the app's message to the stored answer."""

from __future__ import annotations

from typing import Any

import pytest
from aiohttp import web

from services.cli.app_client import AppClient, Submitted
from tests import recorded_portal as recorded
from tests.e2e.world import Watch, World, to_end
from tests.stranger import always

pytestmark = pytest.mark.stack

ZONE = {
    "CTPV_NM": "서울특별시",
    "SGG_NM": "마포구",
    "MNG_ZONE_NM": "전체",
    "RCYCL_EMSN_DOW": "월+목",
    "MNG_DEPT_TELNO": "02-000-0000",
}


async def asked(
    world: World, app: AppClient, intent: str, question: str, **more: Any
) -> tuple[Watch, dict[str, Any]]:
    """A turn the model takes for `intent`: its events, and the stored answer's metadata."""
    with world.model.script(intent=intent, reply_tokens=12, tokens_per_second=120.0) as script:
        chat_id = (await app.post("/api/v1/chat", {}))["id"]
        message = {"message": f"{question} {script.word}", **more}
        sent = await app.post(f"/api/v1/chat/{chat_id}/messages", message)
        watch = await to_end(
            app, Submitted(sent["job_id"], sent["stream_url"], ""), within_seconds=45
        )
    assert watch.last.name == "done", watch.steps()
    return watch, (await app.get(f"/api/v1/chat/{chat_id}"))["messages"][1]["metadata"]


async def test_the_weather_of_a_town_is_told_by_its_service(world: World, alice: AppClient) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        assert request.query["serviceKey"] == "of-the-stand-in"
        if request.path != "/kma/getUltraSrtNcst":
            return web.Response(body=recorded.NO_DATA)
        assert (request.query["nx"], request.query["ny"]) == ("98", "76")
        return web.Response(body=recorded.portal(recorded.observed(T1H="3.5", PTY="1")))

    world.portal.answer = answer
    watch, stored = await asked(world, alice, "weather", "부산 날씨 어때?")
    assert watch.saw("weather")
    assert stored["citations"] == [
        {"source": "kma", "title": "기상청 단기예보", "url": "https://www.weather.go.kr"}
    ]
    assert stored["branches"]["weather"] == {"where": "부산"}


async def test_a_service_that_refuses_its_key_is_said_to_be_away(
    world: World, alice: AppClient
) -> None:
    world.portal.answer = always(body=recorded.KEY_UNKNOWN)
    _, stored = await asked(world, alice, "weather", "대전 날씨 어때?")
    assert stored["unavailable"] == ["weather"]
    assert "citations" not in stored or not stored["citations"]


async def test_the_days_of_a_district_come_from_its_data_set(
    world: World, alice: AppClient
) -> None:
    world.portal.answer = always(body=recorded.portal([ZONE]))
    watch, stored = await asked(world, alice, "collection_point", "마포구 재활용 배출 요일 알려줘")
    assert watch.saw("collection_point")
    assert stored["branches"]["collection_point"] == {"district": "서울 마포구", "zones": 1}


async def test_places_of_any_kind_are_looked_for_on_the_map(world: World, alice: AppClient) -> None:
    watch, stored = await asked(
        world,
        alice,
        "location",
        "근처 약국 알려줘",
        user_location={"latitude": 37.5665, "longitude": 126.978},
    )
    assert ("kakao_place", "completed") in watch.steps()
    assert "unavailable" not in stored
