"""What needs no tool: greetings, thanks, and what else people say to an assistant."""

from __future__ import annotations

from typing import Final

from streaming.chat.branch import BranchResult
from streaming.chat.turn import TurnContext

HELP: Final = (
    "안녕하세요, 분리배출 도우미 이코예요! 버릴 물건의 이름이나 사진을 보내 주시면 배출 방법을 "
    "알려 드려요. 가까운 수거 장소, 대형폐기물 수수료, 재활용품 시세도 물어보세요."
)


class General:
    """Gives a model nothing but the question; says what it can do where there is none."""

    name: Final = "general"

    async def run(self, context: TurnContext) -> BranchResult:
        """The offline answer; a model words its own."""
        return BranchResult(answer=HELP)

    def unavailable(self, context: TurnContext) -> BranchResult:
        """The same: nobody was asked."""
        return BranchResult(answer=HELP)
