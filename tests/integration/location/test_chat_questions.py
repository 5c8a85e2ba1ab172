"""Questions of a chat that name a place, asked of the location service."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

from streaming.chat.branches.kakao_place import KakaoPlace
from streaming.chat.branches.location import Location
from streaming.chat.branches.nearby import Nearby
from streaming.chat.intent import Intent
from streaming.chat.turn import Place, TurnContext
from tests.integration.location.conftest import Service

SEOUL = Place(37.5665, 126.978)


def question(message: str, **more: Any) -> TurnContext:
    return TurnContext(
        job_id="job",
        chat_id="chat",
        user_id=str(uuid.uuid4()),
        message=message,
        whole=message,
        intent=Intent.LOCATION,
        now=datetime.now(UTC),
        deadline=0.0,
        **more,
    )


async def test_a_district_that_is_named_is_found_without_the_users_location(
    location: Service,
) -> None:
    near = Nearby(location.stub)
    placed, spot = await near.placed(question("서울 중구 리필샵 알려줘"))
    assert spot is not None
    assert placed.place is not None
    assert abs(placed.place.latitude - SEOUL.latitude) < 0.1
    district = await near.district(placed.place)
    assert district == spot.district
    told = await Location(near).run(question("서울 중구 제로웨이스트 샵 알려줘"))
    assert told.needs_input is None
    assert told.answer.startswith("서울 중구에서 가까운 곳을 찾았어요.")


async def test_a_place_nobody_knows_is_asked_for(location: Service) -> None:
    told = await Location(Nearby(location.stub)).run(question("없는이름역 근처 리필샵"))
    assert told.needs_input is not None


async def test_without_the_map_service_places_are_found_by_name(location: Service) -> None:
    near = Nearby(location.stub)
    told = await KakaoPlace(near).run(question("근처 다이소 어디야", place=SEOUL))
    assert "찾지 못했어요" in told.answer
