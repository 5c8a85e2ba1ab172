"""Places as the wire shows them in lists.

What does not change from question to question is kept with a place as the message it becomes, so
that an answer of 200 places is put together, not built: a fifth of the time. Distance and opening
state are added to it, and all of the answer is read at once.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

from eco2.location.v1 import location_pb2
from google.protobuf.message import Message

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


def _varint(number: int) -> bytes:
    """A number as protobuf writes it: seven bits a byte, the lowest first."""
    written = bytearray()
    while number > 0x7F:
        written.append(number & 0x7F | 0x80)
        number >>= 7
    written.append(number)
    return bytes(written)


def _tag(message: type[Message], field: str, wire_type: int) -> bytes:
    """What stands before a value of a field; wire types 0: number, 1: double, 2: with a length."""
    return _varint(message.DESCRIPTOR.fields_by_name[field].number << 3 | wire_type)


_SHORT: Final = tuple(_varint(number) for number in range(1024))
"""Lengths, ready to use."""
_ID: Final = _tag(location_pb2.LocationEntry, "id", 0)
_KM: Final = _tag(location_pb2.LocationEntry, "distance_km", 1)
_TEXT: Final = _tag(location_pb2.LocationEntry, "distance_text", 2)
_double: Final = struct.Struct("<d").pack


def _encoded(near: Near, minute: datetime) -> bytes:
    """A stored place as an entry, put together without making the message."""
    metres, place_id, row = near
    hours, text = row["hours"], geo.distance_text(metres).encode()
    return b"".join(
        (
            row["shown"],
            _opening(hours, minute) if hours else b"",
            *(_ID, _varint(place_id), _KM, _double(round(metres / 1000, 3))),
            *(_TEXT, _SHORT[len(text)], text),
        )
    )


def add_nearest(response: Message, field: str, found: Iterable[Near], minute: datetime) -> None:
    """Add stored places to a list of entries of a response, as they are at a minute in Seoul."""
    tag = _tag(type(response), field, 2)
    parts: list[bytes] = []
    for near in found:
        entry = _encoded(near, minute)
        size = len(entry)
        parts += (tag, _SHORT[size] if size < len(_SHORT) else _varint(size), entry)
    response.MergeFromString(b"".join(parts))


def of_nearest(found: Iterable[Near], minute: datetime) -> list[location_pb2.LocationEntry]:
    """Entries of stored places, as they are at a minute in Seoul."""
    return [location_pb2.LocationEntry.FromString(_encoded(near, minute)) for near in found]


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
