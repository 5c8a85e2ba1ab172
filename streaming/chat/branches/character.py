"""The characters of the app, asked of the character domain."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from eco2.character.v1 import character_service_pb2 as pb

from streaming.chat.branch import BranchResult, Citation
from streaming.chat.turn import TurnContext

if TYPE_CHECKING:
    from eco2.character.v1.character_service_pb2_grpc import CharacterServiceAsyncStub

CALL_SECONDS: Final = 2.0
HOW: Final = (
    "재활용품을 배출 규정대로 준비해 사진으로 스캔하면 그 종류의 캐릭터를 만날 수 있어요. "
    "이를테면 라벨을 뗀 투명 페트병을 스캔해 보세요!"
)
AWAY: Final = "지금은 캐릭터를 불러올 수 없어요."


class CharacterBranch:
    """Tells of the characters a question mentions."""

    name: Final = "character"

    def __init__(self, characters: CharacterServiceAsyncStub) -> None:
        self._characters = characters

    async def run(self, context: TurnContext) -> BranchResult:
        """Who is mentioned, and how characters are met."""
        answer = await self._characters.FindCharacters(
            pb.FindCharactersRequest(text=context.message), timeout=CALL_SECONDS
        )
        told = [_told(character) for character in answer.characters]
        text = "\n".join((*told, HOW))
        return BranchResult(
            context=text,
            answer=text,
            citations=(Citation("characters", "캐릭터 도감"),) if told else (),
            metadata={"codes": [character.code for character in answer.characters]},
            quality=1.0 if told else 0.5,
        )

    def unavailable(self, context: TurnContext) -> BranchResult:
        """That nobody can be told of."""
        return BranchResult(answer=AWAY, available=False)


def _told(character: pb.Character) -> str:
    met = f" {character.match}에서 만날 수 있어요." if character.match else ""
    return f"- **{character.name}** ({character.type}):{met} “{character.dialog}”"
