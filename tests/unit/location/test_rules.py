"""Categories, radius and zoom, coordinates, phones, letters: the pure rules of places."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.location import categories, geo, phones, wording, zoom
from services.location.geo import Point

KOREA = st.builds(Point, st.floats(33, 38.5), st.floats(125, 131))


@pytest.mark.parametrize(
    "item", ["투명페트병", "투명패트병", "투명페트명", "투명pet", "무색페트병"]
)
def test_every_spelling_of_clear_bottles(item: str) -> None:
    assert categories.pickup_categories(item) == ("clear_pet",)


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        ("유색페트병", ("colored_pet",)),
        ("알루미늄캔\n철캔", ("can",)),
        ("종이팩, 서적", ("paper",)),
        ("폐건전지", ("electronics",)),
        ("플라스틱류(PP, PE)", ("plastic",)),
        ("투명pet", ("clear_pet",)),  # the letters pe in it mean nothing
        ("유리병\n의류", ("glass", "textile")),
        ("", ("general",)),
        ("그 밖의 것", ("general",)),
    ],
)
def test_what_a_place_takes(items: str, expected: tuple[str, ...]) -> None:
    assert categories.pickup_categories(items) == expected


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["제로웨이스트 상점"], "refill_zero"),
        (["동네 카페"], "cafe_bakery"),
        (["비건식당"], "vegan_dining"),
        (["자원순환가게"], "upcycle_recycle"),
        (["어느 책방"], "book_workshop"),
        (["초록마트"], "market_mart"),
        (["게스트하우스"], "lodging"),
        (["버스 스테이션"], "general"),
        (["페트병 무인회수기"], "public_dropbox"),
        (["어디"], "general"),
    ],
)
def test_what_a_place_is(texts: list[str], expected: str) -> None:
    assert categories.store_category(texts) == expected


def test_comma_lists_of_categories() -> None:
    assert categories.chosen("all", categories.STORES) == ()
    assert categories.chosen("", categories.STORES) == ()
    assert categories.chosen(" lodging, Market_Mart,lodging", categories.STORES) == (
        "lodging",
        "market_mart",
    )
    with pytest.raises(categories.UnknownCategoryError, match="zoo"):
        categories.chosen("lodging,zoo", categories.STORES)


def test_radius_is_clamped_and_never_refused_contract_9_row_8() -> None:
    assert zoom.reach(10, None).radius_m == 100
    assert zoom.reach(900_000, None).radius_m == 50_000
    assert zoom.reach(-5, 3).radius_m == 100


def test_zoom_is_clamped_and_never_refused_contract_9_row_8() -> None:
    assert zoom.reach(None, 0) == zoom.reach(None, 1)
    assert zoom.reach(None, 99) == zoom.reach(None, 14)


@pytest.mark.parametrize(
    ("level", "radius", "limit"),
    [
        (1, 100, 200), (2, 120, 200), (3, 200, 200), (4, 300, 200), (5, 800, 200), (6, 1200, 200),
        (7, 3000, 160), (8, 4500, 160), (9, 8000, 120), (10, 10000, 120), (11, 20000, 80),
        (12, 30000, 80), (13, 60000, 50), (14, 80000, 50),
    ],
)  # fmt: skip
def test_radius_and_limit_of_a_zoom_level(level: int, radius: int, limit: int) -> None:
    assert zoom.reach(None, level) == (radius, limit)


def test_without_radius_and_zoom() -> None:
    assert zoom.reach(None, None) == (5_000, 200)


@pytest.mark.parametrize(
    ("metres", "text"),
    [(0, "0m"), (849.9, "849m"), (999.9, "999m"), (1_000, "1.0km"), (1_240, "1.2km")],
)
def test_distance_for_people(metres: float, text: str) -> None:
    assert geo.distance_text(metres) == text


def test_dirty_coordinates_are_read_or_refused() -> None:
    repaired, note = geo.point("37.5012?", "127.02")
    assert repaired == Point(37.5012, 127.02)
    assert note
    assert geo.point("37.5", "127.7.23106")[0] is None
    assert geo.point("5.157", "126.934")[0] is None
    assert geo.point("", "")[0] is None
    assert geo.point("nan", "inf")[0] is None


@given(KOREA, st.floats(100, 50_000), st.floats(0, 2 * math.pi), st.floats(0, 1))
def test_the_box_holds_everything_within_the_radius(
    centre: Point, radius: float, direction: float, share: float
) -> None:
    away = radius * share
    north = centre.latitude + math.degrees(away * math.cos(direction) / geo.EARTH_RADIUS_M)
    stretch = math.cos(math.radians(centre.latitude))
    east = centre.longitude + math.degrees(
        away * math.sin(direction) / geo.EARTH_RADIUS_M / stretch
    )
    other = Point(north, east)
    if geo.distance_m(centre, other) > radius:
        return
    west, south, right, top = geo.box_around(centre, radius)
    x, y = geo.mercator(other)
    assert west <= x <= right
    assert south <= y <= top


@pytest.mark.parametrize(
    ("texts", "number"),
    [
        (["02-123-4567"], "02-123-4567"),
        (["", None, "031)123-4567"], "031-123-4567"),
        (["01012345678"], "010-1234-5678"),
        (["없음"], None),
    ],
)
def test_phone_numbers(texts: list[str | None], number: str | None) -> None:
    assert phones.first_number(texts) == number


def test_letters_of_what_is_typed_begin_letters_of_what_is_meant() -> None:
    whole = wording.letters("성수동 리필샵")
    for typed in ("ㅅ", "서", "성", "성ㅅ", "성수", "성수동 리"):
        assert whole.startswith(wording.letters(typed))


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("성수동 리필샵", "tjdtnehd flvlftiq"),
        ("흙 닭갈비 의원", "gmfr ekfrrkfql dmldnjs"),
        ("까치 ㄲㅏ", "rrkcl rrk"),
        ("휴계 휴게", "gbrp gbrp"),  # spelt either way
        ("Zero-Waste 1호", "zero waste 1gh"),
    ],
)
def test_letters_are_the_keys_that_type_them(text: str, keys: str) -> None:
    assert wording.letters(text) == keys
    assert wording.letters(keys) == keys  # typed with the keyboard in the other mode


@given(st.text(max_size=100))
def test_letters_hold_no_sign_of_a_pattern(text: str) -> None:
    assert not set("%_\\") & set(wording.letters(text))
