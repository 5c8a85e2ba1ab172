"""CharacterService."""

from __future__ import annotations

from typing import Any

from eco2.character.v1 import character_service_pb2 as pb
from eco2.character.v1 import character_service_pb2_grpc as grpc_pb

from services.character.catalogue import Catalogue, Character
from services.character.reward import Item, decide


def _message(character: Character) -> pb.Character:
    return pb.Character(
        character_id=character.character_id,
        code=character.code,
        name=character.name,
        type=character.type,
        dialog=character.dialog,
    )


class CharacterService(grpc_pb.CharacterServiceServicer):
    """Answers from the catalogue in memory."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    async def ListCatalog(
        self, request: pb.ListCatalogRequest, context: Any
    ) -> pb.ListCatalogResponse:
        """Every character."""
        return pb.ListCatalogResponse(
            items=[
                pb.CatalogEntry(
                    name=character.name,
                    type=character.type,
                    dialog=character.dialog,
                    match=character.match,
                )
                for character in self._catalogue.characters
            ]
        )

    async def MatchCharacter(
        self, request: pb.MatchCharacterRequest, context: Any
    ) -> pb.MatchCharacterResponse:
        """The character an item earns."""
        decision = decide(
            Item(
                major=request.major_category,
                middle=request.middle_category,
                minor=request.minor_category,
                rules_found=request.disposal_rules_present,
                lacks_something=request.insufficiencies_present,
            ),
            self._catalogue,
        )
        character = None if decision.character is None else _message(decision.character)
        return pb.MatchCharacterResponse(character=character, match_reason=decision.reason)

    async def GetDefaultCharacter(
        self, request: pb.GetDefaultCharacterRequest, context: Any
    ) -> pb.GetDefaultCharacterResponse:
        """The character every user starts with."""
        return pb.GetDefaultCharacterResponse(character=_message(self._catalogue.default))
