"""Places as the wire shows them in lists.

What does not change from question to question is kept with a place as the message it becomes, so
that an answer of 200 places is put together, not built: a fifth of the time. Distance and opening
state are added to it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache
from typing import Any

from eco2.location.v1 import location_pb2

from services.location import categories, geo, opening
from services.location.geo import Point
from services.location.kakao import KakaoPlace
from services.location.merging import External
from services.location.place import KAKAO
from services.location.store import Near


def unchanging(source: str, place: Any, pickups: tuple[str, ...]) -> bytes:
    """What is kept of an ImportedPlace of a source: a LocationEntry without id, distance and
    opening state. `pickups` are its pick-up categories, which are read once.

    Made of parts in the order of their fields, those of its categories from a cache, in two thirds
    of the time that one message would take.
    """
    entry = location_pb2.LocationEntry(
        name=place.name,
        source=source,
        road_address=place.road_address or None,
        latitude=place.latitude,
        longitude=place.longitude,
    ).SerializeToString()
    categorised = entry + _categories(place.store_category, pickups)
    phone = place.phone
    if not phone:
        return categorised
    return categorised + location_pb2.LocationEntry(phone=phone).SerializeToString()


@lru_cache(maxsize=4096)
def _categories(store: str, pickups: tuple[str, ...]) -> bytes:
    return location_pb2.LocationEntry(
        store_category=store, pickup_categories=pickups
    ).SerializeToString()


@lru_cache(maxsize=16_384)
def _opening(hours: str, minute: datetime) -> bytes:
    """The opening state as part of an entry. Cached: places share few sets of hours, and a minute
    brings many questions.
    """
    now = opening.at(hours, minute)
    return location_pb2.LocationEntry(
        is_holiday=now.is_holiday,
        is_open=now.is_open,
        start_time=now.start_time,
        end_time=now.end_time,
    ).SerializeToString()


def _fill(entry: location_pb2.LocationEntry, near: Near, minute: datetime) -> None:
    metres, place_id, row = near
    hours, shown = row["hours"], row["shown"]
    entry.MergeFromString(shown + _opening(hours, minute) if hours else shown)
    entry.id = place_id
    entry.distance_km = round(metres / 1000, 3)
    entry.distance_text = geo.distance_text(metres)


def add_nearest(entries: Any, found: Iterable[Near], minute: datetime) -> None:
    """Add stored places to a repeated field of entries, as they are at a minute in Seoul.

    A list that is made first would be copied entry by entry.
    """
    add = entries.add
    for near in found:
        _fill(add(), near, minute)


def of_nearest(found: Iterable[Near], minute: datetime) -> list[location_pb2.LocationEntry]:
    """Entries of stored places, as they are at a minute in Seoul."""
    made = []
    for near in found:
        entry = location_pb2.LocationEntry()
        _fill(entry, near, minute)
        made.append(entry)
    return made


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


def point_of(row: Any) -> Point:
    """Where a stored place is."""
    return Point(row["latitude"], row["longitude"])
