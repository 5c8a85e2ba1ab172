"""When and how districts collect household waste (Ministry of the Interior, dataset 15155080).

Districts write the rows themselves, one for each zone: days come as ``월+수+금`` or ``월,수,금``,
hours may be missing, and a method may be a sentence.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from services.runtime import logs
from services.runtime.outbound import Answer, Outbound, OutboundError
from streaming.chat.external import portal
from streaming.chat.external.reading import members, number, rows, text
from streaming.chat.external.settings import ToolSettings
from streaming.chat.schedule import Times, Zone

log = logs.get(__name__)

PAGE_ROWS: Final = 100
"""What a page may hold; most districts have fewer zones."""

MOST_PAGES: Final = 5
"""Pages that are read of one name: 500 zones. Some cities have more than a page of them, and a name
such as 중구 is that of six districts, whose zones are told apart only afterwards."""

MORE_SECONDS: Final = 4.0
"""For all pages after the first. With it (two attempts of 2 s) that stays below one try of the
branches that ask (10 s)."""

_JOINTS: Final = re.compile(r"\s*[+,·/]\s*")


@dataclass(frozen=True, slots=True)
class Page:
    """A page of the data set."""

    zones: tuple[Zone, ...]
    rows: int
    """Rows it had, those that are no zones as well."""
    total: float
    """Rows of all pages, as the data set says; 0 when it says nothing."""


class HouseholdWaste:
    """Asks the data set; methods may raise an OutboundError."""

    def __init__(self, http: Outbound, settings: ToolSettings) -> None:
        self._http = http
        self._url = settings.household_waste_url
        self._key = settings.data_portal_key.get_secret_value()

    async def zones(self, district: str) -> list[Zone]:
        """Zones of the districts (시·군·구) whose name holds ``district``, each once.

        Raises what the first page fails with. What is missing of further ones is left out: those
        that fail, do not come within MORE_SECONDS, or lie beyond MOST_PAGES.
        """
        first = await self._page(district, 1)
        found = dict.fromkeys(first.zones)
        try:
            async with asyncio.timeout(MORE_SECONDS):
                await self._read_on(district, first, found)
        except (OutboundError, TimeoutError) as error:
            log.info("further zones left out", error=type(error).__name__, zones=len(found))
        return list(found)

    async def _read_on(self, district: str, page: Page, found: dict[Zone, None]) -> None:
        """Add the zones of the pages after `page`, the first one, to those `found`.

        The number of rows that the data set states is not relied on: a full page may be followed
        by another whatever it says, and a page that brings nothing new is the last.
        """
        read = page.rows
        for number_of_page in range(2, MOST_PAGES + 1):
            if page.rows < PAGE_ROWS and read >= page.total:
                return
            known = len(found)
            page = await self._page(district, number_of_page)
            read += page.rows
            found.update(dict.fromkeys(page.zones))
            if len(found) == known:
                return
        if page.rows >= PAGE_ROWS or read < page.total:
            log.info("further zones left out", zones=len(found), total=page.total)

    async def _page(self, district: str, number_of_page: int) -> Page:
        try:
            return await self._http.read(
                self._url,
                page_of,
                params={
                    "serviceKey": self._key,
                    "pageNo": str(number_of_page),
                    "numOfRows": str(PAGE_ROWS),
                    "returnType": "json",
                    "cond[SGG_NM::LIKE]": district,
                },
            )
        except portal.NothingThere:
            return Page((), 0, 0)


def page_of(answer: Answer) -> Page:
    """The zones of an answer; an OutboundError for one that tells an error."""
    body = portal.body_of(answer)
    items = members(body, "items")
    found = rows(items["item"] if isinstance(items, Mapping) and "item" in items else items)
    return Page(
        tuple(read(row) for row in found if text(row, "SGG_NM")),
        len(found),
        number(members(body, "totalCount")) or 0,
    )


def read(row: Mapping[str, Any]) -> Zone:
    """A row. Pure."""
    bulky = (text(row, "TMPRY_BULK_WASTE_EMSN_MTHD"), text(row, "TMPRY_BULK_WASTE_EMSN_PLC"))
    covers = _JOINTS.split(text(row, "MNG_ZONE_TRGT_RGN_NM"))
    return Zone(
        province=text(row, "CTPV_NM"),
        district=text(row, "SGG_NM"),
        name=text(row, "MNG_ZONE_NM"),
        covers=tuple(filter(None, covers)),
        place=text(row, "EMSN_PLC"),
        general=_times(row, "LF_WST"),
        food=_times(row, "FOD_WST"),
        recycling=_times(row, "RCYCL"),
        bulky=", ".join(filter(None, bulky)),
        never=text(row, "UNCLLT_DAY"),
        department=text(row, "MNG_DEPT_NM"),
        phone=text(row, "MNG_DEPT_TELNO"),
    )


def _times(row: Mapping[str, Any], kind: str) -> Times:
    begins, ends = text(row, f"{kind}_EMSN_BGNG_TM"), text(row, f"{kind}_EMSN_END_TM")
    return Times(
        days="·".join(filter(None, _JOINTS.split(text(row, f"{kind}_EMSN_DOW")))),
        hours=f"{begins}~{ends}" if begins and ends else "",
        method=text(row, f"{kind}_EMSN_MTHD"),
    )
