"""Stored places become entries of a list."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from eco2.location.v1 import imported_place_pb2, location_pb2
from eco2.location.v1 import location_service_pb2 as pb
from hypothesis import given
from hypothesis import strategies as st

from services.location import entries, geo, opening
from services.location.opening import Hours, Opening
from services.runtime.seoul import SEOUL

MINUTE = datetime(2026, 11, 27, 12, 0, tzinfo=SEOUL)
HOURS = Hours(("09:00~18:00",) * 7).encoded()

places = st.builds(
    imported_place_pb2.ImportedPlace,
    name=st.text(max_size=400),  # long names make lengths of several bytes
    latitude=st.floats(33, 39),
    longitude=st.floats(124, 132),
    road_address=st.text(max_size=300),
    phone=st.sampled_from(("", "02-123-4567")),
    store_category=st.just("general"),
)


def built(
    place: Any, place_id: int, metres: float, hours: str | None
) -> location_pb2.LocationEntry:
    """The entry, made field by field."""
    now = opening.at(hours, MINUTE) if hours is not None else Opening()
    return location_pb2.LocationEntry(
        id=place_id,
        name=place.name,
        source="keco",
        road_address=place.road_address or None,
        latitude=place.latitude,
        longitude=place.longitude,
        distance_km=round(metres / 1000, 3),
        distance_text=geo.distance_text(metres),
        store_category="general",
        pickup_categories=("can",),
        phone=place.phone or None,
        is_holiday=now.is_holiday,
        is_open=now.is_open,
        start_time=now.start_time,
        end_time=now.end_time,
    )


@given(
    st.lists(
        st.tuples(
            places,
            st.integers(1, 2**31 - 1),
            st.floats(0, 50_000),
            st.sampled_from((None, HOURS)),
        ),
        max_size=5,
    )
)
def test_entries_are_the_same_as_if_they_were_built(found: list[Any]) -> None:
    rows: list[Any] = [
        (metres, number, {"shown": entries.unchanging("keco", place, ("can",)), "hours": hours})
        for place, number, metres, hours in found
    ]
    expected = [built(*each) for each in found]
    centers, nearby = pb.ListCentersResponse(), pb.SearchNearbyResponse()
    entries.add_nearest(centers.items, rows, MINUTE)
    entries.add_nearest(nearby.places, rows, MINUTE)
    assert list(centers.items) == list(nearby.places) == expected
    assert entries.of_nearest(rows, MINUTE) == expected
