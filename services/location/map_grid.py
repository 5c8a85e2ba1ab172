"""From the grid of the Kakao map to degrees. Pure.

Exported favourites carry the map's own x and y (the service calls them WCONGNAMUL): 2.5 units a
metre of a transverse Mercator projection on GRS 80 with its origin at 38° N 127° E, false easting
200 km and false northing 500 km (EPSG:5181, which the service calls WTM). The inverse projection
follows Snyder, Map Projections - A Working Manual (USGS PP 1395), equations 8-17 to 8-25.
"""

from __future__ import annotations

import math
from typing import Final

from services.location.geo import Point

UNITS_PER_METRE: Final = 2.5

_AXIS: Final = 6_378_137.0
_FLATTENING: Final = 1 / 298.257222101
_E2: Final = _FLATTENING * (2 - _FLATTENING)
_E4, _E6 = _E2**2, _E2**3
_EP2: Final = _E2 / (1 - _E2)
_E1: Final = (1 - math.sqrt(1 - _E2)) / (1 + math.sqrt(1 - _E2))
_ORIGIN_NORTH: Final = math.radians(38.0)
_ORIGIN_EAST: Final = math.radians(127.0)
_FALSE_EASTING, _FALSE_NORTHING = 200_000.0, 500_000.0


def point(x: float, y: float) -> Point:
    """The point of grid units; meaningful in and around Korea only."""
    return from_metres(x / UNITS_PER_METRE, y / UNITS_PER_METRE)


def from_metres(easting: float, northing: float) -> Point:
    """The point of EPSG:5181 metres."""
    meridian = _meridian(_ORIGIN_NORTH) + northing - _FALSE_NORTHING
    mu = meridian / (_AXIS * (1 - _E2 / 4 - 3 * _E4 / 64 - 5 * _E6 / 256))
    foot = (
        mu
        + (3 * _E1 / 2 - 27 * _E1**3 / 32) * math.sin(2 * mu)
        + (21 * _E1**2 / 16 - 55 * _E1**4 / 32) * math.sin(4 * mu)
        + (151 * _E1**3 / 96) * math.sin(6 * mu)
    )
    sine, cosine, tangent = math.sin(foot), math.cos(foot), math.tan(foot)
    c, t = _EP2 * cosine**2, tangent**2
    across = _AXIS / math.sqrt(1 - _E2 * sine**2)
    along = _AXIS * (1 - _E2) / (1 - _E2 * sine**2) ** 1.5
    d = (easting - _FALSE_EASTING) / across
    north = foot - (across * tangent / along) * (
        d**2 / 2
        - (5 + 3 * t + 10 * c - 4 * c**2 - 9 * _EP2) * d**4 / 24
        + (61 + 90 * t + 298 * c + 45 * t**2 - 252 * _EP2 - 3 * c**2) * d**6 / 720
    )
    east = (
        _ORIGIN_EAST
        + (
            d
            - (1 + 2 * t + c) * d**3 / 6
            + (5 - 2 * c + 28 * t - 3 * c**2 + 8 * _EP2 + 24 * t**2) * d**5 / 120
        )
        / cosine
    )
    return Point(math.degrees(north), math.degrees(east))


def _meridian(north: float) -> float:
    """Length of the meridian from the equator to a latitude in radians."""
    return _AXIS * (
        (1 - _E2 / 4 - 3 * _E4 / 64 - 5 * _E6 / 256) * north
        - (3 * _E2 / 8 + 3 * _E4 / 32 + 45 * _E6 / 1024) * math.sin(2 * north)
        + (15 * _E4 / 256 + 45 * _E6 / 1024) * math.sin(4 * north)
        - (35 * _E6 / 3072) * math.sin(6 * north)
    )
