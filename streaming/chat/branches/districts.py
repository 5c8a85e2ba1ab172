"""What the user's district says of collecting waste; shared by the branches that tell it.

The district is the one a question names, else the one of the place it names or the user is in.
"""

from __future__ import annotations

import asyncio
from typing import Final

import grpc.aio

from services.runtime import logs
from services.runtime.outbound import OutboundError
from streaming.chat import regions, schedule
from streaming.chat.branch import BranchResult, Citation, NeedsInput
from streaming.chat.branches.nearby import Nearby
from streaming.chat.external.household_waste import HouseholdWaste
from streaming.chat.intent import Intent
from streaming.chat.regions import District
from streaming.chat.schedule import Zone
from streaming.chat.turn import TurnContext
from streaming.knowledge.particles import topic

log = logs.get(__name__)

ADDING_SECONDS: Final = 3.0
"""How long an answer that stands already waits for what a district would add to it."""

SITE: Final = "https://www.data.go.kr/data/15155080/openapi.do"

ASK: Final = "어느 동네의 배출 요일을 알려 드릴까요? 지금 위치를 알려 주세요."
WHICH: Final = (
    "배출 요일은 동네마다 달라요. 구나 시의 이름과 함께 물어봐 주세요. "
    "(예: 강남구 재활용 배출 요일)"
)
SEVERAL: Final = "{name} 여러 곳에 있어요: {all}. 도시 이름과 함께 물어봐 주세요."
AWAY: Final = (
    "지금은 배출 요일을 찾아볼 수 없어요. 배출 요일은 동네마다 다르니 구청 누리집이나 "
    "주민센터에서 확인해 주세요."
)


class Districts:
    """Tells what districts publish; without the data set's key it says where to ask."""

    def __init__(self, nearby: Nearby, household: HouseholdWaste | None) -> None:
        self._nearby = nearby
        self._household = household
        self._regions = regions.load()

    async def find(self, context: TurnContext) -> list[District]:
        """The district that is meant; several when a name has many and the place does not tell."""
        named = self._regions.districts_in(context.message)
        if len(named) == 1:
            return named
        context, _ = await self._nearby.placed(context)
        if context.place is None:
            return named
        here = await self._nearby.district(context.place)
        if here is None or (named and here not in named):
            return named
        return [here]

    async def schedule(self, context: TurnContext) -> BranchResult:
        """The days and hours for a question; asks for the user's location when it names nothing.

        May raise an OutboundError or AioRpcError.
        """
        if self._household is None:
            return self.unavailable()
        found = await self.find(context)
        if len(found) > 1:
            every = ", ".join(str(each) for each in found)
            return BranchResult(
                answer=SEVERAL.format(name=topic(found[0].name), all=every), quality=0.0
            )
        if not found:
            asked = context.intent is Intent.COLLECTION_POINT
            if asked and context.place is None and context.may_ask:
                return BranchResult(needs_input=NeedsInput("location", ASK))
            return BranchResult(answer=WHICH, quality=0.0)
        zones = await self._zones(self._household, found[0])
        text = schedule.told(zones, found[0], context.message)
        return BranchResult(
            context=text,
            answer=text,
            citations=(Citation("districts", "행정안전부 생활쓰레기배출정보", url=SITE),),
            metadata={"district": str(found[0]), "zones": len(zones)},
            quality=1.0 if zones else 0.3,
        )

    async def bulky(self, context: TurnContext) -> str:
        """What the district says of bulky things, in a line; empty when that can't be told soon."""
        if self._household is None:
            return ""
        try:
            async with asyncio.timeout(ADDING_SECONDS):
                found = await self.find(context)
                zones = await self._zones(self._household, found[0]) if len(found) == 1 else []
        except (OutboundError, grpc.aio.AioRpcError, TimeoutError) as error:
            log.info("answered without the district", error=type(error).__name__)
            return ""
        text = schedule.bulky(zones)
        return f"{found[0]} 안내: {text}" if text else ""

    def unavailable(self) -> BranchResult:
        """Where to ask instead."""
        return BranchResult(answer=AWAY, available=False)

    async def _zones(self, household: HouseholdWaste, district: District) -> list[Zone]:
        return schedule.of_district(await household.zones(district.name), district, self._regions)
