"""Boxes for small appliances (Korea Environment Corporation, portal dataset 15106385).

The rows have an address and no coordinates, so they are searched by words of the address.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from services.runtime.outbound import (
    Answer,
    Outbound,
    OutboundInvalid,
    OutboundRefused,
    OutboundUnavailable,
)
from streaming.chat.external.reading import members, rows, text
from streaming.chat.external.settings import ToolSettings

MOST_ROWS: Final = 100
"""A district has some dozens."""

NAME, ADDRESS, TAKES, KIND_OF_PLACE, FEE = (
    "상호명",
    "수거장소(주소)",
    "수거종류",
    "장소구분",
    "수거비용",
)
"""Columns of the data set."""


@dataclass(frozen=True, slots=True)
class Box:
    """A place that takes small appliances; texts of the source, empty where it has none."""

    name: str
    address: str
    takes: tuple[str, ...]
    place: str
    """What kind of place it is."""
    fee: str


class Keco:
    """Asks the data set; methods may raise an OutboundError."""

    def __init__(self, http: Outbound, settings: ToolSettings) -> None:
        self._http = http
        self._url = settings.keco_boxes_url
        self._key = settings.data_portal_key.get_secret_value()

    async def boxes(self, region: str) -> Sequence[Box]:
        """Boxes whose address holds ``region``, in the order of the source."""
        return await self._http.read(
            self._url,
            boxes_in,
            params={
                "serviceKey": self._key,
                "page": "1",
                "perPage": str(MOST_ROWS),
                "returnType": "JSON",
                f"cond[{ADDRESS}::LIKE]": region,
            },
        )


def boxes_in(answer: Answer) -> Sequence[Box]:
    """The boxes of an answer; an OutboundError for one without rows: errors may come with status
    200, and a negative code.
    """
    try:
        told = answer.json()
    except OutboundInvalid as error:  # a page of the gateway's own
        raise OutboundUnavailable(str(error)) from None
    found = members(told, "data")
    if isinstance(found, list):
        return tuple(box for row in rows(found) if (box := read(row)) is not None)
    if members(told, "code") is not None:
        raise OutboundRefused("keco: the answer is an error", answer.status)
    raise OutboundInvalid("keco: the answer has no data")


def read(row: Mapping[str, Any]) -> Box | None:
    """A row as a box; None without a name or an address. Pure."""
    name, address = text(row, NAME), text(row, ADDRESS)
    if not (name and address):
        return None
    takes = tuple(part.strip() for part in text(row, TAKES).split(",") if part.strip())
    return Box(name, address, takes, text(row, KIND_OF_PLACE), text(row, FEE))
