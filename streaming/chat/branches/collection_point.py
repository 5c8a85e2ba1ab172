"""Where a material is taken, and when the district takes it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

import grpc.aio

from services.runtime import logs
from services.runtime.outbound import OutboundError
from streaming.chat import regions
from streaming.chat.branch import BranchResult, Citation
from streaming.chat.branches.districts import ADDING_SECONDS, Districts
from streaming.chat.branches.nearby import AWAY, Nearby
from streaming.chat.external.keco import Box, Keco
from streaming.chat.intent import Intent
from streaming.chat.regions import District, Regions
from streaming.chat.schedule import asks_when
from streaming.chat.spots import Spot
from streaming.chat.turn import TurnContext
from streaming.chat.untrusted import as_line

log = logs.get(__name__)

PICKUPS: Final[Mapping[str, tuple[str, ...]]] = {
    "clear_pet": ("투명페트", "투명 페트", "무색페트", "페트", "생수병"),
    "colored_pet": ("유색페트", "유색 페트"),
    "can": ("캔", "고철"),
    "paper": ("종이", "우유팩", "종이팩", "박스", "신문"),
    "plastic": ("플라스틱",),
    "glass": ("유리", "공병", "빈병"),
    "textile": ("의류", "헌옷", "옷", "신발"),
    "electronics": ("건전지", "배터리", "전지", "가전", "휴대폰", "전자"),
}
"""Words of a question by what is taken."""

BOXES: Final = "{district}의 소형 전자제품 수거함이에요. (한국환경공단)"
SITE: Final = "https://www.data.go.kr/data/15106385/fileData.do"
MOST_BOXES: Final = 5

_APPLIANCE: Final = re.compile("가전|전자|휴대폰|핸드폰|스마트폰|노트북|컴퓨터|충전기|배터리|전지")
_TAKEN: Final = (
    (re.compile("휴대폰|핸드폰|스마트폰"), re.compile("휴대폰|핸드폰|휴대전화|스마트폰")),
    (re.compile("배터리|전지"), re.compile("배터리|전지")),
)
"""What not every box takes: words of a question, and words of the data set."""


def pickups_of(question: str) -> list[str]:
    """What a question wants to hand in; none for any. Pure."""
    return [name for name, words in PICKUPS.items() if any(word in question for word in words)]


class CollectionPoint:
    """Answers with the nearest places that take it, the boxes of the district, and its days."""

    name: Final = "collection_point"

    def __init__(self, nearby: Nearby, districts: Districts, keco: Keco | None) -> None:
        self._nearby = nearby
        self._districts = districts
        self._keco = keco
        self._regions = regions.load()

    async def run(self, context: TurnContext) -> BranchResult:
        """Days where they are asked for; the nearest places that take what is asked for."""
        if asks_when(context.message):
            return await self._districts.schedule(context)
        if context.intent is not Intent.COLLECTION_POINT:
            return BranchResult()
        pickups = pickups_of(context.message)
        context, spot = await self._nearby.placed(context)
        places, boxes = await asyncio.gather(
            self._nearby.find(context, what="수거 장소를", spot=spot, pickups=pickups),
            self._boxes(context, spot),
        )
        if boxes is None:
            return places
        if places.needs_input is not None:  # a district was named, and it has boxes
            return boxes
        return replace(
            places,
            context=f"{places.context}\n\n{boxes.context}".strip(),
            answer=f"{places.answer}\n\n{boxes.answer}",
            citations=(*places.citations, *boxes.citations),
            metadata={**places.metadata, **boxes.metadata},
            quality=1.0,
        )

    def unavailable(self, context: TurnContext) -> BranchResult:
        """That no place, or no day, can be told."""
        if asks_when(context.message):
            return self._districts.unavailable()
        return BranchResult(answer=AWAY, available=False)

    async def _boxes(self, context: TurnContext, spot: Spot | None) -> BranchResult | None:
        """Boxes of the district for small appliances; None when there is nothing to add."""
        if self._keco is None or _APPLIANCE.search(context.message) is None:
            return None
        try:
            async with asyncio.timeout(ADDING_SECONDS):
                named = None if spot is None else spot.district
                found = [named] if named else await self._districts.find(context)
                if len(found) != 1:
                    return None
                every = await self._keco.boxes(found[0].name)
        except (OutboundError, grpc.aio.AioRpcError, TimeoutError) as error:
            log.info("answered without the boxes", error=type(error).__name__)
            return None
        boxes = fitting(every, found[0], context.message, self._regions)
        return told(boxes, found[0]) if boxes else None


def fitting(boxes: Sequence[Box], district: District, question: str, known: Regions) -> list[Box]:
    """The boxes of a district that take what a question is about. Pure."""
    wanted = [taken for words, taken in _TAKEN if words.search(question)]
    return [
        box
        for box in boxes
        if known.district_of(box.address) == district
        and all(taken.search(" ".join(box.takes)) for taken in wanted)
    ][:MOST_BOXES]


def told(boxes: Sequence[Box], district: District) -> BranchResult:
    """Boxes as an answer. Pure."""
    text = "\n".join((BOXES.format(district=district), *(f"- {_line(box)}" for box in boxes)))
    return BranchResult(
        context=text,
        answer=text,
        citations=(Citation("keco", "한국환경공단 폐전자제품 수거함", url=SITE),),
        metadata={"boxes": len(boxes)},
        quality=1.0,
    )


def _line(box: Box) -> str:
    parts = [f"**{as_line(box.name, 80)}**", as_line(box.address, 120)]
    if box.takes:
        parts.append(as_line(", ".join(box.takes), 80))
    if box.fee:
        parts.append(as_line(box.fee, 40))
    return " · ".join(parts)
