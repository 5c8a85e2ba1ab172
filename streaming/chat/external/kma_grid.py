"""The weather service's grid: a Lambert conformal conic projection of 5 km cells. Pure.

Constants as in the guide of VilageFcstInfoService_2.0: standard parallels 30° and 60°, the point
38° N 126° E in cell (43, 136), earth radius 6371.00877 km.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

_CELL_KM: Final = 5.0
_RADIUS: Final = 6371.00877 / _CELL_KM
_PARALLEL_1, _PARALLEL_2 = math.radians(30.0), math.radians(60.0)
_ORIGIN_LATITUDE, _ORIGIN_LONGITUDE = math.radians(38.0), math.radians(126.0)
_ORIGIN_X, _ORIGIN_Y = 43, 136

WIDTH, HEIGHT = 149, 253
"""Cells of the grid; x runs from 1 to 149, y from 1 to 253."""


def _tangent(latitude: float) -> float:
    return math.tan(math.pi / 4 + latitude / 2)


_CONE: Final = math.log(math.cos(_PARALLEL_1) / math.cos(_PARALLEL_2)) / math.log(
    _tangent(_PARALLEL_2) / _tangent(_PARALLEL_1)
)
_SCALE: Final = _tangent(_PARALLEL_1) ** _CONE * math.cos(_PARALLEL_1) / _CONE
_ORIGIN_DISTANCE: Final = _RADIUS * _SCALE / _tangent(_ORIGIN_LATITUDE) ** _CONE


class Cell(NamedTuple):
    """A cell of the grid."""

    x: int
    y: int


def cell_of(latitude: float, longitude: float) -> Cell | None:
    """The cell of a point in degrees (WGS 84); None outside the grid, which covers Korea."""
    if not (-89.0 < latitude < 89.0 and -180.0 <= longitude <= 180.0):  # false for NaN as well
        return None
    distance = _RADIUS * _SCALE / _tangent(math.radians(latitude)) ** _CONE
    turned = math.radians(longitude) - _ORIGIN_LONGITUDE
    turned = (turned + math.pi) % (2 * math.pi) - math.pi
    angle = turned * _CONE
    x = math.floor(distance * math.sin(angle) + _ORIGIN_X + 0.5)
    y = math.floor(_ORIGIN_DISTANCE - distance * math.cos(angle) + _ORIGIN_Y + 0.5)
    return Cell(x, y) if 1 <= x <= WIDTH and 1 <= y <= HEIGHT else None
