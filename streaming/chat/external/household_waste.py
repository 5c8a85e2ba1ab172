"""When and how districts collect household waste (Ministry of the Interior, dataset 15155080).

Districts write the rows themselves, one for each zone: days come as ``월+수+금`` or ``월,수,금``,
hours may be missing, and a method may be a sentence.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from services.runtime.context import ProcessContext
from services.runtime.outbound import Outbound, Policy, client
from streaming.chat.external import portal
from streaming.chat.external.policies import SERVICES
from streaming.chat.external.reading import members, rows, text
from streaming.chat.external.settings import ToolSettings
from streaming.chat.schedule import Times, Zone

MOST_ROWS: Final = 100
"""What a page may hold; a district has fewer zones."""

_JOINTS: Final = re.compile(r"\s*[+,·/]\s*")


class HouseholdWaste:
    """Asks the data set; methods may raise an OutboundError."""

    def __init__(self, http: Outbound, settings: ToolSettings) -> None:
        self._http = http
        self._url = settings.household_waste_url
        self._key = settings.data_portal_key.get_secret_value()

    async def zones(self, district: str) -> list[Zone]:
        """Zones of the districts (시·군·구) whose name holds ``district``."""
        try:
            answer = await self._http.get(
                self._url,
                params={
                    "serviceKey": self._key,
                    "pageNo": "1",
                    "numOfRows": str(MOST_ROWS),
                    "returnType": "json",
                    "cond[SGG_NM::LIKE]": district,
                },
                check=portal.check,
            )
        except portal.NothingThere:
            return []
        items = members(answer.json(), "response", "body", "items")
        found = items["item"] if isinstance(items, Mapping) and "item" in items else items
        return [read(row) for row in rows(found) if text(row, "SGG_NM")]


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


async def connect(
    context: ProcessContext, settings: ToolSettings, policy: Policy = SERVICES["household-waste"]
) -> HouseholdWaste | None:
    """The adapter; None without a key."""
    if not settings.data_portal_key.get_secret_value():
        return None
    return HouseholdWaste(await client(context, policy), settings)
