"""How far and how many: radius and number of places by zoom level (docs/locations.md). Pure.

The zoom is the map service's level, 1 (a street) to 14 (the world). It is turned into a level of
its own scale, 1 (far) to 20 (near), which the tables are written in.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

RADII_M: Final = (
    80_000, 60_000, 45_000, 30_000, 20_000, 15_000, 10_000, 8_000, 6_000, 4_500,
    3_000, 2_000, 1_200, 800, 500, 300, 200, 150, 120, 100,
)  # fmt: skip
"""Radius in metres of the internal levels 1 to 20."""

LIMITS: Final = ((13, 200), (10, 160), (7, 120), (4, 80), (1, 50))
"""Lowest internal level and how many places are shown from it on."""

LEAST_ZOOM: Final = 1
MOST_ZOOM: Final = 14
LEAST_RADIUS_M: Final = 100
MOST_RADIUS_M: Final = 50_000
MOST_SEARCH_RADIUS_M: Final = 20_000
DEFAULT_RADIUS_M: Final = 5_000
MOST_PLACES: Final = 200


class Reach(NamedTuple):
    """What part of the places an answer covers."""

    radius_m: int
    limit: int


def internal_level(zoom: int) -> int:
    """Level 1 (far) to 20 (near) of a zoom level, which is clamped."""
    clamped = min(max(zoom, LEAST_ZOOM), MOST_ZOOM)
    return min(max(1 + math.floor(19 * (MOST_ZOOM - clamped) / 13 + 0.5), 1), 20)


def reach(radius_m: int | None, zoom: int | None) -> Reach:
    """Radius and limit of a list: the radius asked for, else that of the zoom level, else 5 km.

    A radius out of bounds is clamped, not refused: the app asks for half the diagonal of its map,
    which may be anything.
    """
    level = None if zoom is None else internal_level(zoom)
    if radius_m is not None:
        radius = clamped_radius(radius_m)
    else:
        radius = DEFAULT_RADIUS_M if level is None else RADII_M[level - 1]
    limit = next((limit for least, limit in LIMITS if level and level >= least), MOST_PLACES)
    return Reach(radius, limit)


def clamped_radius(radius_m: int, most_m: int = MOST_RADIUS_M) -> int:
    """The nearest radius that is served."""
    return min(max(radius_m, LEAST_RADIUS_M), most_m)
