"""Shops and places around the user."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from streaming.chat.branch import BranchResult
from streaming.chat.branches.nearby import AWAY, Nearby
from streaming.chat.turn import TurnContext
from streaming.chat.wanted import wanted

STORES: Final[Mapping[str, tuple[str, ...]]] = {
    "refill_zero": ("제로웨이스트", "리필", "무포장"),
    "cafe_bakery": ("카페", "커피", "베이커리", "빵집"),
    "vegan_dining": ("비건", "채식"),
    "upcycle_recycle": ("재활용센터", "업사이클", "자원순환", "수선"),
    "book_workshop": ("책방", "도서관", "공방"),
    "market_mart": ("마트", "시장", "마켓"),
    "lodging": ("숙소", "호텔"),
    "public_dropbox": ("무인", "회수기"),
}
"""Words of a question by the category of places they mean."""


def stores_of(question: str) -> list[str]:
    """The categories a question asks for; none for any. Pure."""
    return [name for name, words in STORES.items() if any(word in question for word in words)]


class Location:
    """Answers with the nearest places."""

    name: Final = "location"

    def __init__(self, nearby: Nearby) -> None:
        self._nearby = nearby

    async def run(self, context: TurnContext) -> BranchResult:
        """The nearest places of what is asked for; nothing when it is of a kind that we don't have,
        which the map service is asked for (``kakao_place``).
        """
        stores = stores_of(context.message)
        context, spot = await self._nearby.placed(context)
        if not stores and context.place is not None and wanted(context.message):
            return BranchResult()
        return await self._nearby.find(context, what="곳을", spot=spot, stores=stores)

    def unavailable(self, context: TurnContext) -> BranchResult:
        """That no place can be told."""
        return BranchResult(answer=AWAY, available=False)
