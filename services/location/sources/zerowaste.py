"""The zero-waste map, an exported folder of favourites: one row becomes one place. Pure.

A favourite is a place (name, address) or a bare address, with a memo. Some have degrees, all have
the map's own grid, from which degrees are worked out where they are missing.
"""

from __future__ import annotations

from typing import Final

from services.location import categories, geo, map_grid
from services.location.place import Place
from services.location.sources.cells import NAME_MOST, Cells, RowRejectedError

KEY: Final = "seq"
REQUIRED: Final = (KEY, "favoriteType", "memo", "display1", "display2", "x", "y", "lon", "lat")
NAMELESS: Final = "Zero Waste Spot"

_PLACEHOLDERS: Final = frozenset(("PLACE", "PHONE", "ADDRESS"))


def place_of(cells: Cells) -> tuple[Place, str]:
    """The place of a row and what was put right in it; RowRejectedError when there is none."""
    source_pk = cells.key(KEY)
    where, note = _point(cells)
    first, second = _shown(cells, "display1"), _shown(cells, "display2")
    memo = cells.text("memo")
    address = second or (first if cells.raw("favoriteType").strip() == "ADDRESS" else None)
    name = first or second or cells.line("memo", NAME_MOST) or NAMELESS
    told = (memo, name, second)
    place = Place(
        source_pk=source_pk,
        name=name[:NAME_MOST],
        point=where,
        store_category=categories.store_category(text for text in told if text),
        pickup_categories=(categories.GENERAL,),  # a memo is no list of what is taken
        road_address=address,
        introduction=memo,
    )
    return place, note


def _point(cells: Cells) -> tuple[geo.Point, str]:
    where, note = geo.point(cells.raw("lat"), cells.raw("lon"))
    if where is not None:
        return where, note
    try:
        converted = map_grid.point(float(cells.raw("x")), float(cells.raw("y")))
    except (ValueError, OverflowError, ZeroDivisionError):
        raise RowRejectedError(note) from None
    if not converted.in_korea:
        raise RowRejectedError(note)
    return converted, "coordinates worked out from the map's grid"


def _shown(cells: Cells, column: str) -> str | None:
    text = cells.line(column)
    return None if text in _PLACEHOLDERS else text
