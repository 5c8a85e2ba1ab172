"""Places around a point and by words, as a client gets them."""

from __future__ import annotations

from typing import Any

import grpc
import pytest
from eco2.location.v1 import location_service_pb2 as pb

from services.location.geo import Point, distance_m
from services.runtime.remote import domain_error
from tests.integration.location.conftest import USER, Service

CENTRE = Point(37.567976, 127.009341)
"""Where the app's map opens."""


async def centers(location: Service, **asked: Any) -> Any:
    asked = {"lat": CENTRE.latitude, "lon": CENTRE.longitude, **asked}
    return (await location.stub.ListCenters(pb.ListCentersRequest(**asked), metadata=USER)).items


async def refusal(call: Any) -> Any:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return domain_error(caught.value, "location")


async def test_the_nearest_come_first_within_the_radius(location: Service) -> None:
    found = await centers(location, radius=3_000)
    away = [distance_m(CENTRE, Point(each.latitude, each.longitude)) for each in found]
    assert found
    assert away == sorted(away)
    assert away[-1] <= 3_000
    assert [each.distance_km for each in found] == pytest.approx([m / 1000 for m in away], abs=0.01)


async def test_a_filter_is_applied_before_the_limit(location: Service) -> None:
    everything = await centers(location, radius=50_000)
    refills = await centers(location, radius=50_000, store_category="refill_zero")
    among = [each for each in everything if each.store_category == "refill_zero"]
    assert len(refills) > len(among)
    assert {each.store_category for each in refills} == {"refill_zero"}


async def test_several_categories_are_merged_by_distance_and_none_comes_twice(
    location: Service,
) -> None:
    found = await centers(location, radius=50_000, pickup_category="can,paper,clear_pet")
    assert all({"can", "paper", "clear_pet"} & set(each.pickup_categories) for each in found)
    ids = [each.id for each in found]
    assert len(set(ids)) == len(ids)
    away = [each.distance_km for each in found]
    assert away == sorted(away)


async def test_radius_and_zoom_out_of_range_are_clamped(location: Service) -> None:
    assert await centers(location, radius=900_000) == await centers(location, radius=50_000)
    assert await centers(location, zoom=99) == await centers(location, zoom=14)
    assert await centers(location, zoom=0) == await centers(location, zoom=1)
    assert await centers(location, radius=10) == await centers(location, radius=100)


async def test_zero_waste_places_have_no_hours(location: Service) -> None:
    found = await centers(location, radius=50_000)
    for each in found:
        if each.source == "zerowaste":
            assert not each.HasField("is_holiday")
        else:
            assert each.HasField("is_holiday")


@pytest.mark.parametrize("lat", [90.1, -91, float("nan"), float("inf")])
async def test_coordinates_off_the_globe_are_refused(location: Service, lat: float) -> None:
    error = await refusal(centers(location, lat=lat))
    assert error.meaning.name == "VALIDATION_FAILED"


async def test_coordinates_are_needed(location: Service) -> None:
    call = location.stub.ListCenters(pb.ListCentersRequest(lat=1.0), metadata=USER)
    assert (await refusal(call)).meaning.name == "VALIDATION_FAILED"


@pytest.mark.parametrize(
    ("field", "reason"),
    [
        ("store_category", "INVALID_STORE_CATEGORY"),
        ("pickup_category", "INVALID_PICKUP_CATEGORY"),
    ],
)
async def test_unknown_categories_are_told_which_there_are(
    location: Service, field: str, reason: str
) -> None:
    error = await refusal(centers(location, **{field: "zoo"}))
    assert error.meaning.name == reason
    assert "general" in error.metadata["allowed"]


@pytest.mark.parametrize("point", [(85.0, 0.0), (-90.0, 180.0), (0.0, -180.0)])
async def test_the_ends_of_the_earth_have_no_places(
    location: Service, point: tuple[float, float]
) -> None:
    assert not await centers(location, lat=point[0], lon=point[1])


async def test_words_find_places_and_a_slip_does_not_hide_them(location: Service) -> None:
    for words in ("제로웨이스트", "젤로웨이스트", "성동구 카페"):
        found = await location.stub.Search(pb.SearchRequest(q=words), metadata=USER)
        told = await location.stub.Suggest(pb.SuggestRequest(q=words), metadata=USER)
        assert found.items, words
        assert 1 <= len(told.items) <= 5, words
        away = [each.distance_km for each in found.items]
        assert away == sorted(away)


@pytest.mark.parametrize(
    "words", ["%", "_", "'; DROP TABLE places;--", "😀", "\\", "ㄱ", "a" * 100]
)
async def test_strange_words_find_nothing_and_break_nothing(location: Service, words: str) -> None:
    found = await location.stub.Search(pb.SearchRequest(q=words), metadata=USER)
    assert len(found.items) <= 50
    assert await centers(location)


@pytest.mark.parametrize("words", ["", "가" * 500])
async def test_no_words_and_too_many_are_refused(location: Service, words: str) -> None:
    for call in (
        location.stub.Search(pb.SearchRequest(q=words), metadata=USER),
        location.stub.Suggest(pb.SuggestRequest(q=words), metadata=USER),
    ):
        assert (await refusal(call)).meaning.name == "VALIDATION_FAILED"


async def test_a_place_has_its_details_and_an_unknown_one_none(location: Service) -> None:
    known = (await centers(location))[0]
    detail = await location.stub.GetCenter(pb.GetCenterRequest(id=known.id), metadata=USER)
    assert (detail.name, detail.source) == (known.name, known.source)
    call = location.stub.GetCenter(pb.GetCenterRequest(id=-1), metadata=USER)
    assert (await refusal(call)).meaning.name == "LOCATION_NOT_FOUND"


async def test_other_services_find_places_too(location: Service) -> None:
    answer = await location.stub.SearchNearby(
        pb.SearchNearbyRequest(
            latitude=CENTRE.latitude,
            longitude=CENTRE.longitude,
            limit=3,
            store_categories=["refill_zero", "zoo"],
            radius_m=50_000,
        )
    )
    assert len(answer.places) == 3
    assert {place.store_category for place in answer.places} == {"refill_zero"}
