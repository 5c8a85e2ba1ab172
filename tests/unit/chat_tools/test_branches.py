"""What the branches answer without a model."""

from __future__ import annotations

from typing import Any

import pytest
from eco2.location.v1 import location_pb2, location_service_pb2
from hypothesis import given
from hypothesis import strategies as st

from streaming.chat import schedule
from streaming.chat.branch import BranchError
from streaming.chat.branches import bulk_waste, nearby, recyclable_price
from streaming.chat.branches.bulk_waste import BulkWaste
from streaming.chat.branches.collection_point import pickups_of
from streaming.chat.branches.general import General
from streaming.chat.branches.kakao_place import KakaoPlace
from streaming.chat.branches.location import Location, stores_of
from streaming.chat.branches.nearby import Nearby
from streaming.chat.branches.recyclable_price import RecyclablePrice
from streaming.chat.branches.waste_rag import WasteRag
from streaming.chat.feedback import Level, level
from streaming.chat.intent import Intent
from streaming.chat.spots import spot_in
from streaming.chat.tools import Tools
from streaming.chat.turn import Past, Picture, Place
from streaming.chat.wanted import wanted
from streaming.knowledge import Knowledge
from streaming.model.provider import Vision
from tests.unit.chat_tools.conftest import Asking


@pytest.fixture(scope="session")
def rules(known: Knowledge) -> WasteRag:
    return WasteRag(known)


@pytest.mark.parametrize(
    ("question", "document", "said"),
    [
        ("페트병 라벨은 떼야 하나요?", "재활용폐기물_무색페트병", "라벨을 떼고"),
        ("유리병 라벨 꼭 떼야 돼?", "재활용폐기물_유리병", "유리병"),
        ("건전지 어디에 버려?", "재활용폐기물_전지", "전용 수거함"),
        ("깨진 거울은요?", "불연성종량제폐기물", "마대"),
        ("통닭 뼈는?", "음식물류폐기물", "일반종량제"),
    ],
)
async def test_a_question_about_waste_is_answered_from_its_document(
    rules: WasteRag, asking: Asking, question: str, document: str, said: str
) -> None:
    result = await rules.run(asking(question))
    assert result.citations[0].document_id == document
    assert result.citations[0].section
    assert said in result.answer
    assert level(result.quality or 0) is Level.EXCELLENT
    assert result.metadata["disposal_steps"]


async def test_a_follow_up_goes_on_about_what_was_named(rules: WasteRag, asking: Asking) -> None:
    history = (Past("user", "우유팩은 어떻게 버려요?"), Past("assistant", "종이팩으로 버려요."))
    result = await rules.run(asking("그럼 헹궈야 해?", history=history))
    assert result.metadata["classification"]["middle_category"] == "종이팩"


async def test_a_picture_says_what_this_is(rules: WasteRag, asking: Asking) -> None:
    seen = Vision(
        major="재활용폐기물", middle="유리병", minor="소주병", model="m", prompt_version="1"
    )
    result = await rules.run(asking("이거 어떻게 버려?", picture=Picture("https://x/y.jpg", seen)))
    assert result.metadata["classification"]["minor_category"] == "소주병"


async def test_what_no_rule_speaks_of_is_not_made_up(rules: WasteRag, asking: Asking) -> None:
    result = await rules.run(asking("안녕"))
    assert (result.answer, result.quality) == ("", 0.0)
    assert level(result.quality or 0) is Level.NONE


async def test_fees_come_with_their_district_and_a_warning(asking: Asking) -> None:
    result = await BulkWaste().run(asking("3인용 소파 수수료 얼마예요?", Intent.BULK_WASTE))
    assert "강남구" in result.answer
    assert "확인해 주세요" in result.answer
    assert result.metadata["items"][0] == "소파(3인용 이상)"
    unnamed = await BulkWaste().run(asking("대형폐기물 신청", Intent.BULK_WASTE))
    assert not unnamed.metadata["items"]
    assert "스티커" in unnamed.answer


async def test_large_appliances_are_fetched_for_free(asking: Asking) -> None:
    result = await BulkWaste().run(asking("냉장고 버리려고요", Intent.BULK_WASTE))
    assert "1599-0903" in result.answer


@pytest.mark.parametrize(
    ("question", "materials", "region"),
    [
        ("고철 시세", ["metal_scrap"], "전국 평균"),
        ("서울 캔 가격", ["metal_steel_can", "metal_aluminum_can"], "수도권"),
        ("부산에서 알루미늄캔 얼마?", ["metal_aluminum_can"], "경남"),
        ("박스 얼마에 사요?", ["paper_cardboard"], "전국 평균"),
        ("PP 플레이크 시세", ["plastic_pp_flake"], "전국 평균"),
    ],
)
def test_materials_and_regions_are_recognised(
    question: str, materials: list[str], region: str
) -> None:
    prices = recyclable_price.load()
    assert [material.id for material in prices.for_question(question)] == materials
    assert prices.region_of(question)[1] == region


async def test_a_price_names_its_month(asking: Asking) -> None:
    result = await RecyclablePrice().run(asking("알루미늄캔 시세", Intent.RECYCLABLE_PRICE))
    assert "2025년 1월" in result.answer
    assert "1,200원" in result.answer
    asked = await RecyclablePrice().run(asking("금 시세", Intent.RECYCLABLE_PRICE))
    assert asked.answer == recyclable_price.UNKNOWN


def test_every_fee_and_price_can_be_asked_for() -> None:
    for fee in bulk_waste.load().fees:
        assert fee in bulk_waste.load().for_question(fee.words[-1])
    prices = recyclable_price.load()
    for material in prices.materials:
        assert material in prices.for_question(material.name), material.id


def test_categories_of_places_are_read_from_the_question() -> None:
    assert stores_of("근처 제로웨이스트 샵") == ["refill_zero"]
    assert stores_of("가까운 데") == []
    assert pickups_of("폐건전지 수거함 어디야") == ["electronics"]


async def test_places_need_to_know_where_the_user_is(asking: Asking) -> None:
    branch = Location(Nearby(None))  # type: ignore[arg-type]  # not asked without a place
    result = await branch.run(asking("근처 리필샵", Intent.LOCATION))
    assert result.needs_input is not None
    assert result.needs_input.type == "location"
    again = await branch.run(asking("근처 리필샵", Intent.LOCATION, may_ask=False))
    assert again.answer == nearby.NO_PLACE


class Map:
    """A location service that has places only further out."""

    def __init__(self, *places: location_pb2.LocationEntry) -> None:
        self.asked: list[Any] = []
        self._places = places

    async def SearchNearby(self, request: Any, **_: Any) -> Any:
        """Nothing within 5 km."""
        self.asked.append(request)
        near = request.radius_m > nearby.RADIUS_M
        return type("Answer", (), {"places": self._places if near else ()})()

    async def Suggest(self, request: Any, **_: Any) -> Any:
        """The station alone, and something alike for anything else."""
        spot = location_service_pb2.Suggestion(
            place_name="강남역 2호선",
            address="서울 강남구 강남대로",
            latitude=37.4979,
            longitude=127.0276,
        )
        return location_service_pb2.SuggestResponse(items=[spot])

    async def SearchAround(self, request: Any, **_: Any) -> Any:
        """All of them."""
        self.asked.append(request)
        return type("Answer", (), {"places": self._places})()


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ("근처 약국 어디 있어?", "약국"),
        ("이 근처 스타벅스 있나요", "스타벅스"),
        ("중고 가게 가까운 곳 알려줘", "중고 가게"),
        ("여기서 제일 가까운 주민센터가 어디예요?", "주민센터"),
        ("어린이집은 어디에 있나요", "어린이집"),
        ("비건 식당 주변에 있을까?", "비건 식당"),
        ("해운대 갈비집 알려 줘", "해운대 갈비집"),
        ("가까운 곳 알려줘", ""),
        ("근처에 뭐 있어?", ""),
        ("!!!", ""),
        ("가" * 40, ""),
    ],
)
def test_what_is_looked_for_on_the_map_is_what_a_question_names(question: str, words: str) -> None:
    assert wanted(question) == words


SEOUL = Place(37.5, 127.0)
PHARMACY = location_pb2.LocationEntry(
    id=-1, name="온누리 <약국>", source="kakao", distance_text="120m", road_address="어느길 2"
)


async def test_other_kinds_of_places_come_from_the_map(asking: Asking) -> None:
    known = Map(PHARMACY)
    branch = KakaoPlace(Nearby(known))  # type: ignore[arg-type]  # a double
    question = asking("근처 약국 어디야?", Intent.LOCATION, place=SEOUL)
    result = await branch.run(question)
    assert (known.asked[0].q, known.asked[0].latitude) == ("약국", 37.5)
    assert "온누리 ‹약국›" in result.answer
    assert result.citations[0].source == "kakao"
    silent = await Location(Nearby(known)).run(question)  # type: ignore[arg-type]
    assert (silent.answer, len(known.asked)) == ("", 1)


async def test_what_the_map_does_not_have_is_said(asking: Asking) -> None:
    branch = KakaoPlace(Nearby(Map()))  # type: ignore[arg-type]  # a double
    result = await branch.run(asking("근처 약국 어디야?", Intent.LOCATION, place=SEOUL))
    assert result.answer.startswith("약국은 가까운 곳에서 찾지 못했어요")


async def test_of_our_own_kinds_the_map_only_adds_its_own(asking: Asking) -> None:
    ours = location_pb2.LocationEntry(id=7, name="우리 리필샵", source="zerowaste")
    question = asking("근처 리필샵", Intent.LOCATION, place=SEOUL)
    branch = KakaoPlace(Nearby(Map(ours)))  # type: ignore[arg-type]  # a double
    assert (await branch.run(question)).answer == ""
    branch = KakaoPlace(Nearby(Map(ours, PHARMACY)))  # type: ignore[arg-type]  # a double
    assert "우리 리필샵" not in (await branch.run(question)).answer


async def test_the_map_needs_to_know_where_the_user_is(asking: Asking) -> None:
    branch = KakaoPlace(Nearby(Map()))  # type: ignore[arg-type]  # not asked without a place
    asked = await branch.run(asking("근처 약국", Intent.LOCATION))
    assert asked.needs_input is not None
    for silent in (
        asking("근처 약국", Intent.LOCATION, may_ask=False),
        asking("가까운 곳 알려줘", Intent.LOCATION),
    ):
        assert (await branch.run(silent)).answer == ""


@pytest.mark.parametrize(
    ("question", "spot", "rest"),
    [
        ("강남역 근처 약국 어디야?", "강남역", "약국"),
        ("강남역 건전지 수거함", "강남역", "건전지 수거함"),
        ("홍대 근처 카페 추천해줘", "홍대", "카페"),
        ("연남동 근처 리필샵", "연남동", "리필샵"),
        ("마포구 제로웨이스트 샵", "서울 마포구", "제로웨이스트 샵"),
        ("우리 동네 근처 약국", None, ""),
        ("학교 근처 카페", None, ""),
        ("지하철역 근처 카페", None, ""),
        ("바로 앞 편의점", None, ""),
        ("중구 약국", None, ""),
    ],
)
def test_a_question_may_name_where_it_is_asked_for(
    question: str, spot: str | None, rest: str
) -> None:
    found = spot_in(question)
    assert (found and found.name) == spot
    if found is not None:
        assert wanted(found.rest) == rest


@given(st.text(max_size=300))
def test_any_question_is_read(question: str) -> None:
    spot = spot_in(question)
    assert spot is None or spot.name
    assert len(wanted(question)) <= 30
    schedule.asks_when(question)


async def test_a_place_that_is_named_counts_more_than_where_the_user_is(asking: Asking) -> None:
    known = Map(PHARMACY)
    near: Any = Nearby(known)  # type: ignore[arg-type]  # a double
    for place in (SEOUL, None):
        question = asking("강남역 근처 약국 어디야?", Intent.LOCATION, place=place)
        result = await KakaoPlace(near).run(question)
        assert (known.asked[-1].q, known.asked[-1].latitude) == ("약국", 37.4979)
        assert result.answer.startswith("강남역에서 가까운 곳을 지도에서 찾았어요.")
    # what is only alike is not taken for it
    unknown = asking("홍대 근처 약국", Intent.LOCATION, place=SEOUL)
    await KakaoPlace(near).run(unknown)
    assert known.asked[-1].latitude == SEOUL.latitude
    asked = await KakaoPlace(near).run(asking("홍대 근처 약국", Intent.LOCATION))
    assert asked.needs_input is not None


async def test_of_a_district_no_distances_are_told(asking: Asking) -> None:
    known = Map(location_pb2.LocationEntry(id=7, name="가게", distance_text="3m"))
    near: Any = Nearby(known)  # type: ignore[arg-type]  # a double
    result = await Location(near).run(asking("강남구 리필샵 있어?", Intent.LOCATION))
    assert result.answer == "서울 강남구에서 가까운 곳을 찾았어요.\n- **가게**"


async def test_when_no_place_can_be_asked_for_the_turn_goes_on(asking: Asking) -> None:
    class Down:
        async def SearchAround(self, request: Any, **_: Any) -> Any:
            raise BranchError("down")

    tools = Tools({"kakao_place": KakaoPlace(Nearby(Down()))})  # type: ignore[arg-type]  # a double
    result = await tools.run(
        "kakao_place", asking("근처 약국", Intent.LOCATION, place=SEOUL), own=True
    )
    assert result is not None
    assert (result.available, result.answer) == (False, nearby.AWAY)


async def test_where_nothing_is_near_it_is_looked_further(asking: Asking) -> None:
    entry = location_pb2.LocationEntry(
        id=7, name="[샘플](https://evil) 가게", distance_text="7.1km", road_address="어느길 1"
    )
    known = Map(entry)
    result = await Nearby(known).find(  # type: ignore[arg-type]
        asking("근처", place=Place(37.5, 127.0)), what="곳을"
    )
    assert [request.radius_m for request in known.asked] == [5_000, 20_000]
    assert "7.1km" in result.answer
    assert "](" not in result.answer
    assert result.metadata == {"place_ids": [7]}


async def test_a_greeting_is_answered(asking: Asking) -> None:
    assert "이코" in (await General().run(asking("안녕", Intent.GENERAL))).answer
