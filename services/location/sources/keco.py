"""KECO's sites that pay for recyclables: one row of their CSV becomes one place. Pure.

Hours have a column a day and one for public holidays; items are a multi-line cell in free
spelling; coordinates are typed by hand.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from services.location import categories, geo, phones
from services.location.opening import Hours
from services.location.place import Place
from services.location.sources.cells import (
    HOURS_MOST,
    NAME_MOST,
    Cells,
    RowRejectedError,
    as_line,
)

KEY: Final = "positnSn"
LATITUDE, LONGITUDE = "positnPstnLat", "positnPstnLot"
DAYS: Final = tuple(
    f"{day}SalsHrExplnCn" for day in ("mon", "tues", "wed", "thur", "fri", "sat", "sun")
)
PUBLIC_HOLIDAYS: Final = "lhldySalsHrExplnCn"
PHONES: Final = ("bscTelnoCn", "rprsTelnoCn", "telnoExpln", "indivTelnoCn")
REQUIRED: Final = (
    KEY, "positnNm", "positnLotnoAddr", "positnRdnmAddr", LATITUDE, LONGITUDE, *DAYS, "clctItemCn",
)  # fmt: skip
"""Columns without which the file is not of this layout; others may be missing."""

_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}")


def place_of(cells: Cells) -> tuple[Place, str]:
    """The place of a row and what was put right in it; RowRejectedError when there is none."""
    source_pk = cells.key(KEY)
    where, note = geo.point(cells.raw(LATITUDE), cells.raw(LONGITUDE))
    if where is None:
        raise RowRejectedError(note)
    lot, road = cells.line("positnLotnoAddr"), cells.line("positnRdnmAddr")
    introduction = cells.text("positnIntdcCn")
    name = (
        cells.line("positnNm", NAME_MOST)
        or cells.line("positnLotnoAddr", NAME_MOST)
        or cells.line("positnRdnmAddr", NAME_MOST)
        or cells.line("positnIntdcCn", NAME_MOST)
    )
    if name is None:
        raise RowRejectedError("neither name nor address")
    items = cells.text("clctItemCn")
    told = (introduction, name, cells.text("positnPstnAddExpln"), lot, road)
    place = Place(
        source_pk=source_pk,
        name=name,
        point=where,
        store_category=categories.store_category(text for text in told if text),
        pickup_categories=categories.pickup_categories(items or ""),
        road_address=road,
        lot_address=lot,
        phone=phones.first_number(map(cells.text, PHONES)),
        hours=_hours(cells),
        collection_items=items,
        introduction=introduction,
    )
    return place, note


def _hours(cells: Cells) -> Hours | None:
    return _read_hours(
        tuple(map(cells.raw, DAYS)),
        cells.raw(PUBLIC_HOLIDAYS),
        cells.raw("dyoffBgndeCn"),
        cells.raw("dyoffEnddtCn"),
    )


@lru_cache(maxsize=4096)  # places share few sets of hours
def _read_hours(week: tuple[str, ...], public_holidays: str, begin: str, end: str) -> Hours | None:
    days = tuple(as_line(day, HOURS_MOST) or "" for day in week)
    if not any(days):
        return None
    begin, end = begin.strip(), end.strip()
    closure = (begin, end) if _DATE.fullmatch(begin) and _DATE.fullmatch(end) else ("", "")
    return Hours(days, as_line(public_holidays, HOURS_MOST) or "", *closure)
