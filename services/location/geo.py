"""Places on the globe: coordinates out of dirty cells, distances and their wording. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

EARTH_RADIUS_M: Final = 6_371_008.8
"""Mean radius (IUGG). The sphere is up to 0.5 % off the ellipsoid, far below what matters here."""

MERCATOR_END: Final = 85.0
"""Last latitude, north and south, that is told apart on Mercator's projection."""

# The box of the country with a margin: Marado to the northern border, Baengnyeongdo to Dokdo.
SOUTH, NORTH = 32.9, 38.8
WEST, EAST = 124.4, 132.1

_CELLS: Final = 1 << 12
"""Cells along each side of that box."""
_SPREAD: Final = tuple(int(f"{side:b}", 4) for side in range(_CELLS))
"""Numbers with their bits two apart: binary digits, read with the base 4."""

_DECIMAL: Final = re.compile(r"[+-]?\d{1,3}(?:\.\d+)?")
_AROUND: Final = " \t\r\n?°'\"`,;NEne"
"""What may stand around a number without making it doubtful."""


@dataclass(frozen=True, slots=True)
class Point:
    """Degrees (WGS 84)."""

    latitude: float
    longitude: float

    @property
    def in_korea(self) -> bool:
        """Whether it lies in the box of the country."""
        return SOUTH <= self.latitude <= NORTH and WEST <= self.longitude <= EAST


def degrees(text: str) -> float | None:
    """The number of a cell; None when it is blank or in doubt.

    A stray sign around the number is let pass (``37.51?``); a number that can be read in two ways
    (``127.7.23106``) is not guessed at.
    """
    bare = text.strip(_AROUND)
    return float(bare) if _DECIMAL.fullmatch(bare) else None


def point(latitude: str, longitude: str) -> tuple[Point | None, str]:
    """The point two cells mean, and what is wrong or was put right (empty when nothing is).

    Cells that were swapped are swapped back: in Korea the two can't be taken for each other.
    """
    if not latitude.strip() or not longitude.strip():
        return None, "no coordinates"
    north, east = degrees(latitude), degrees(longitude)
    if north is None or east is None:
        return None, "unreadable coordinates"
    straight, swapped = Point(north, east), Point(east, north)
    if straight.in_korea:
        doubtful = latitude.strip() != latitude.strip(_AROUND) or (
            longitude.strip() != longitude.strip(_AROUND)
        )
        return straight, "signs around the coordinates were dropped" if doubtful else ""
    if swapped.in_korea:
        return swapped, "latitude and longitude were swapped"
    return None, "coordinates outside Korea"


def distance_m(a: Point, b: Point) -> float:
    """Metres between two points along the sphere (haversine)."""
    return distances_from(a)(b.latitude, b.longitude)


def distances_from(centre: Point) -> Callable[[float, float], float]:
    """What tells the metres from one point to others, which are given in degrees: a third of the
    time of :func:`distance_m` for each.
    """
    radians, sin, cos, asin, sqrt = math.radians, math.sin, math.cos, math.asin, math.sqrt
    from_north, from_east = radians(centre.latitude), radians(centre.longitude)
    narrowed = cos(from_north)
    twice = 2 * EARTH_RADIUS_M

    def metres_to(latitude: float, longitude: float) -> float:
        north = radians(latitude)
        up = sin((north - from_north) / 2)
        aside = sin((radians(longitude) - from_east) / 2)
        half = up * up + narrowed * cos(north) * aside * aside
        return twice * asin(sqrt(half) if half < 1.0 else 1.0)

    return metres_to


def mercator(place: Point) -> tuple[float, float]:
    """The point on Mercator's projection, in radians, which the index of places is made of.

    Latitudes beyond 85 degrees, where the projection runs away, count as 85.
    """
    north = math.radians(min(max(place.latitude, -MERCATOR_END), MERCATOR_END))
    return math.radians(place.longitude), math.log(math.tan(math.pi / 4 + north / 2))


def box_around(centre: Point, metres: float) -> tuple[float, float, float, float]:
    """Corners (west, south, east, north) on that projection of a box that holds everything within
    so many metres.
    """
    angle = metres / EARTH_RADIUS_M
    widest = math.cos(math.radians(centre.latitude))
    aside = math.asin(math.sin(angle) / widest) if math.sin(angle) < widest else math.pi
    up = math.degrees(angle)
    east, _ = mercator(centre)
    _, south = mercator(Point(centre.latitude - up, centre.longitude))
    _, north = mercator(Point(centre.latitude + up, centre.longitude))
    return east - aside, south, east + aside, north


def cell(latitude: float, longitude: float) -> int:
    """The number of a cell of the country's box, some 170 m wide; cells that lie together have
    numbers that lie together, mostly (Morton's order).
    """
    east = int((longitude - WEST) / (EAST - WEST) * _CELLS)
    north = int((latitude - SOUTH) / (NORTH - SOUTH) * _CELLS)
    last = _CELLS - 1
    return _SPREAD[min(max(east, 0), last)] | _SPREAD[min(max(north, 0), last)] << 1


def distance_text(metres: float) -> str:
    """A distance for people: ``850m`` (cut off) below one kilometre, else ``1.2km``."""
    return f"{int(metres)}m" if metres < 1000 else f"{metres / 1000:.1f}km"
