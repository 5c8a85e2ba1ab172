"""Where a material is taken."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from streaming.chat.branch import BranchResult
from streaming.chat.branches.nearby import AWAY, Nearby
from streaming.chat.turn import TurnContext

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


def pickups_of(question: str) -> list[str]:
    """What a question wants to hand in; none for any. Pure."""
    return [name for name, words in PICKUPS.items() if any(word in question for word in words)]


class CollectionPoint:
    """Answers with the nearest places that take it."""

    name: Final = "collection_point"

    def __init__(self, nearby: Nearby) -> None:
        self._nearby = nearby

    async def run(self, context: TurnContext) -> BranchResult:
        """The nearest places that take what is asked for."""
        return await self._nearby.find(
            context, heading="가까운 수거 장소를 찾았어요.", pickups=pickups_of(context.message)
        )

    def unavailable(self, context: TurnContext) -> BranchResult:
        """That no place can be told."""
        return BranchResult(answer=AWAY, available=False)
