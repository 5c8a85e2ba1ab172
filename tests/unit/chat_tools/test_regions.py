"""Districts and towns that questions and addresses name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.chat import regions
from streaming.chat.external.kma_grid import cell_of

KNOWN = regions.load()


@pytest.mark.parametrize(
    ("question", "districts"),
    [
        ("강남구 재활용 배출 요일", ["서울 강남구"]),
        ("부산 중구는 언제 버려?", ["부산 중구"]),
        ("수원시에서 소파 버리기", ["경기 수원시"]),
        ("세종시 음식물 쓰레기 요일", ["세종"]),
        ("고성군은요?", ["강원 고성군", "경남 고성군"]),
        ("경남 고성군은요?", ["경남 고성군"]),
        ("가구 버리는 법", []),
        ("도구랑 기구", []),
        ("친구가 준 컵", []),
        ("강남구청역 근처", []),
    ],
)
def test_a_question_names_districts(question: str, districts: list[str]) -> None:
    assert [str(found) for found in KNOWN.districts_in(question)] == districts


def test_a_name_that_many_share_means_all_of_them() -> None:
    assert len(KNOWN.districts_in("중구 쓰레기")) == 6


@pytest.mark.parametrize(
    ("address", "district"),
    [
        ("서울 강남구 테헤란로 1", "서울 강남구"),
        ("서울특별시 중구 세종대로 110", "서울 중구"),
        ("경기도 수원시 영통구 어느로 1", "경기 수원시"),
        ("세종특별자치시 한누리대로 1", "세종"),
        ("강원특별자치도 고성군 간성읍", "강원 고성군"),
        ("강남구 테헤란로 1", "서울 강남구"),
        ("중구 세종대로 110", "None"),
        ("테헤란로 1", "None"),
        ("서울", "None"),
        ("", "None"),
    ],
)
def test_an_address_lies_in_one_district(address: str, district: str) -> None:
    assert str(KNOWN.district_of(address)) == district


@pytest.mark.parametrize(
    ("question", "town"),
    [
        ("부산 날씨", "부산"),
        ("충청남도는 비 와?", "충남"),
        ("경기 수원 비 와?", "수원"),
        ("서귀포는?", "서귀포"),
        ("고양이 날씨", None),
        ("구미가 당기는 날", None),
    ],
)
def test_a_question_names_a_town(question: str, town: str | None) -> None:
    found = KNOWN.town_in(question)
    assert (found and found.name) == town


def test_every_town_lies_on_the_weather_services_grid() -> None:
    for name in ("서울", "경기", "전남", "제주", "속초"):
        found = KNOWN.town_in(f"{name} 날씨")
        assert found is not None
        assert cell_of(found.place.latitude, found.place.longitude) is not None


@given(st.text(max_size=200))
def test_any_text_is_read(text: str) -> None:
    KNOWN.districts_in(text)
    KNOWN.district_of(text)
    KNOWN.town_in(text)
