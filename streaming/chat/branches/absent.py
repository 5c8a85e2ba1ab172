"""Tools that this deployment does not have: said politely, and never made up for by guessing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from streaming.chat.branch import BranchResult
from streaming.chat.turn import TurnContext

ANSWERS: Final[Mapping[str, str]] = {
    "web_search": "지금은 인터넷에서 찾아볼 수 없어요. 배출 방법은 바로 알려 드릴 수 있어요!",
    "image_generation": "지금은 그림을 그려 드릴 수 없어요. 배출 방법은 글로 알려 드릴게요!",
}
"""By stage name, for the user."""


class Absent:
    """Stands where a tool would be."""

    def __init__(self, name: str) -> None:
        self._answer = ANSWERS[name]
        self._name = name

    @property
    def name(self) -> str:
        """The stage of the tool."""
        return self._name

    async def run(self, context: TurnContext) -> BranchResult:
        """That it can't be used now; nothing where it would only have added to an answer."""
        return self.unavailable(context) if context.intent == self._name else BranchResult()

    def unavailable(self, context: TurnContext) -> BranchResult:
        """That it can't be used now."""
        return BranchResult(answer=self._answer, available=False)
