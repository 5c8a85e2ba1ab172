"""Places of any kind around the user, as the map service knows them.

The location domain speaks to the map service (key, time-out, breaker, cache, and our own places
while it is away), so this branch asks LocationService.SearchAround and has no key of its own.
"""

from __future__ import annotations

from typing import Final

from streaming.chat.branch import BranchResult, Citation, NeedsInput
from streaming.chat.branches.location import stores_of
from streaming.chat.branches.nearby import ASK, AWAY, OURS, Nearby, listed
from streaming.chat.turn import TurnContext
from streaming.chat.untrusted import as_line
from streaming.chat.wanted import wanted
from streaming.knowledge.particles import topic

MAP: Final = "kakao"
"""LocationEntry.source of the map service's places."""

FOUND: Final = "가까운 곳을 지도에서 찾았어요."
NOTHING: Final = "{thing} 가까운 곳에서 찾지 못했어요. 지도에서 조금 더 넓게 찾아봐 주세요."


class KakaoPlace:
    """Answers with the nearest places of what a question names."""

    name: Final = "kakao_place"

    def __init__(self, nearby: Nearby) -> None:
        self._nearby = nearby

    async def run(self, context: TurnContext) -> BranchResult:
        """The nearest places that fit; nothing when the question names none, which is for the
        location branch to answer.
        """
        if not wanted(context.message):
            return BranchResult()
        context, spot = await self._nearby.placed(context)
        words = wanted(context.message)
        if not words:
            return BranchResult()
        if context.place is None:
            if context.may_ask:
                return BranchResult(needs_input=NeedsInput("location", ASK))
            return BranchResult()  # the location branch says so
        places = list(await self._nearby.named(words, context.place))
        if stores_of(context.message):  # those of ours are in the location branch's answer
            places = [place for place in places if place.source == MAP]
            if not places:
                return BranchResult()
        if not places:
            text = NOTHING.format(thing=topic(as_line(words)))
            return BranchResult(context=text, answer=text, quality=0.0)
        text = listed(FOUND, spot, places)
        source = Citation(MAP, "카카오맵") if places[0].source == MAP else OURS
        return BranchResult(
            context=text,
            answer=text,
            citations=(source,),
            metadata={"words": words, "places": len(places)},
            quality=1.0,
        )

    def unavailable(self, context: TurnContext) -> BranchResult:
        """That no place can be told."""
        return BranchResult(answer=AWAY, available=False)
