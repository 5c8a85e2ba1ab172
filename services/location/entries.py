"""Rows and places of the map service as the wire shows them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from eco2.location.v1 import location_pb2

from services.location import categories, geo, opening
from services.location.geo import Point
from services.location.kakao import KakaoPlace
from services.location.merging import External
from services.location.place import KAKAO
from services.location.store import Near

_UNKNOWN = opening.Opening()


def of_row(row: Any, metres: float, minute: datetime) -> location_pb2.LocationEntry:
    """The entry of a stored place, so many metres away, at a minute in Seoul."""
    hours = row["hours"]
    now = opening.at(hours, minute) if hours else _UNKNOWN
    return location_pb2.LocationEntry(
        id=row["id"],
        name=row["name"],
        source=row["source"],
        road_address=row["road_address"],
        latitude=row["latitude"],
        longitude=row["longitude"],
        distance_km=round(metres / 1000, 3),
        distance_text=geo.distance_text(metres),
        store_category=row["store_category"],
        pickup_categories=row["pickup_categories"],
        is_holiday=now.is_holiday,
        is_open=now.is_open,
        start_time=now.start_time,
        end_time=now.end_time,
        phone=row["phone"],
    )


def of_external(external: External[KakaoPlace]) -> location_pb2.LocationEntry:
    """The entry of a place of the map service; nothing is known of what it takes or when."""
    place = external.place
    return location_pb2.LocationEntry(
        id=external.id,
        name=place.name,
        source=KAKAO,
        road_address=place.road_address or place.lot_address,
        latitude=place.point.latitude,
        longitude=place.point.longitude,
        distance_km=round(external.metres / 1000, 3),
        distance_text=geo.distance_text(external.metres),
        store_category=categories.GENERAL,
        phone=place.phone,
        place_url=place.url,
        kakao_place_id=place.id,
    )


def of_nearest(found: Iterable[Near], minute: datetime) -> list[location_pb2.LocationEntry]:
    """Entries of stored places that are so far away."""
    return [of_row(row, metres, minute) for metres, row in found]


def point_of(row: Any) -> Point:
    """Where a stored place is."""
    return Point(row["latitude"], row["longitude"])
