"""Searching with the map service: its places among ours, and none of its failures in the way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from eco2.location.v1 import location_service_pb2 as pb
from eco2.location.v1.location_service_pb2_grpc import LocationServiceStub

from mesh.local.free_ports import PortBlock
from services.location import app
from services.runtime.outbound import Policy
from services.runtime.ports import HOST
from tests.integration.location.conftest import USER, Service
from tests.serving import serving


def _document(number: int, latitude: float, longitude: float) -> dict[str, str]:
    return {
        "id": str(number),
        "place_name": f"지도 가게 {number}",
        "road_address_name": "서울 중구 어느길 1",
        "address_name": "서울 중구 어느동 1",
        "phone": "02-1-2",
        "place_url": f"http://place.map.kakao.com/{number}",
        "x": str(longitude),
        "y": str(latitude),
    }


PLACES = [_document(1, 37.567976, 127.009341), _document(2, 37.57, 127.02)]


class MapService:
    """Answers as the map service does, or as a test says."""

    def __init__(self) -> None:
        self.asked: list[web.Request] = []
        self.answer: Any = None

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """One search."""
        self.asked.append(request)
        if self.answer is not None:
            answer: web.StreamResponse = await self.answer(request)
            return answer
        return web.json_response({"documents": PLACES, "meta": {}})


@pytest.fixture
async def with_map(
    environ: dict[str, str], location: Service
) -> AsyncIterator[tuple[Any, MapService]]:
    """The service with a key, and the map service it asks."""
    there, block = MapService(), PortBlock()
    web_app = web.Application()
    web_app.router.add_get("/v2/local/search/keyword.json", there.handle)
    runner = web.AppRunner(web_app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, HOST, 0).start()
    given = {
        **environ,
        "ECO2_KAKAO_REST_KEY": "hush",
        "ECO2_KAKAO_LOCAL_URL": f"http://{HOST}:{runner.addresses[0][1]}",
        "ECO2_KAKAO_CACHE_SECONDS": "0",
        "ECO2_PORT_LOCATION": block.table()["ECO2_PORT_LOCATION"],
    }
    try:
        async with serving([app.build], given) as context:
            yield LocationServiceStub(context.channel("location")), there
    finally:
        await runner.cleanup()
        block.close()


async def _search(stub: Any, words: str = "제로웨이스트") -> Any:
    return (await stub.Search(pb.SearchRequest(q=words), metadata=USER)).items


async def test_its_places_stand_among_ours(with_map: tuple[Any, MapService]) -> None:
    stub, there = with_map
    found = await _search(stub)
    theirs = [each for each in found if each.source == "kakao"]
    assert [each.id for each in theirs] == [-1, -2]
    assert theirs[0].kakao_place_id == "1"
    assert theirs[0].store_category == "general"
    assert not theirs[0].pickup_categories
    assert not theirs[0].HasField("is_open")
    assert any(each.id > 0 for each in found)
    away = [each.distance_km for each in found]
    assert away == sorted(away)
    assert there.asked[0].headers["authorization"] == "KakaoAK hush"
    told = (await stub.Suggest(pb.SuggestRequest(q="지도"), metadata=USER)).items
    assert [each.place_name for each in told] == ["지도 가게 1", "지도 가게 2"]


async def _around(stub: Any, words: str, **more: Any) -> Any:
    request = pb.SearchAroundRequest(q=words, latitude=37.5665, longitude=126.9780, **more)
    return (await stub.SearchAround(request)).places


async def test_other_services_find_its_places_around_a_point(
    with_map: tuple[Any, MapService],
) -> None:
    stub, there = with_map
    found = await _around(stub, "약국", radius_m=90_000, limit=1)
    assert [(each.name, each.source) for each in found] == [("지도 가게 1", "kakao")]
    asked = there.asked[0].query
    assert (asked["query"], asked["radius"], asked["size"]) == ("약국", "20000", "1")
    assert (asked["x"], asked["y"]) == ("126.9780000", "37.5665000")


async def _never(_: web.Request) -> web.StreamResponse:
    await asyncio.Event().wait()
    raise AssertionError


async def _broken(_: web.Request) -> web.StreamResponse:
    return web.Response(status=500)


async def _refusing(_: web.Request) -> web.StreamResponse:
    return web.Response(status=401)


async def _nonsense(_: web.Request) -> web.StreamResponse:
    return web.json_response({"documents": "?"})


async def _flood(_: web.Request) -> web.StreamResponse:
    return web.Response(body=bytes(10_000_000))


@pytest.mark.parametrize("failing", [_never, _broken, _refusing, _nonsense, _flood])
async def test_while_it_fails_our_own_places_answer(
    with_map: tuple[Any, MapService], failing: Any
) -> None:
    stub, there = with_map
    there.answer = failing
    found = await _search(stub)
    assert found
    assert {each.source for each in found} <= {"keco", "zerowaste"}
    assert (await stub.Suggest(pb.SuggestRequest(q="제로"), metadata=USER)).items
    around = await _around(stub, "제로", radius_m=20_000)
    assert around
    assert all("제로" in each.name or "제로" in each.road_address for each in around)
    assert [each.distance_km for each in around] == sorted(each.distance_km for each in around)


async def test_without_a_key_other_services_find_ours(location: Service) -> None:
    assert await _around(location.stub, "제로", radius_m=20_000)
    assert not await _around(location.stub, "그런가게없음")
    assert not await _around(location.stub, "!!")


async def test_while_it_keeps_failing_it_is_left_alone(
    with_map: tuple[Any, MapService],
) -> None:
    """After as many failures as the breaker takes, searches no longer wait for it."""
    stub, there = with_map
    there.answer = _broken
    for _ in range(Policy(name="kakao").breaker_failures):
        assert await _search(stub)
    asked = len(there.asked)
    for _ in range(5):
        assert await _search(stub)
    assert len(there.asked) == asked
