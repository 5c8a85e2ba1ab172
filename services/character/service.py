"""CharacterService."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

import grpc.aio
from eco2.character.v1 import character_service_pb2 as pb
from eco2.character.v1 import character_service_pb2_grpc as grpc_pb
from eco2.errors.v1.error_reason_pb2 import ErrorReason
from eco2.users.v1 import users_service_pb2 as users_pb
from eco2.users.v1.users_service_pb2_grpc import UsersServiceStub

from services.character.catalogue import Character, Problem, problems
from services.character.live import LiveCatalogue
from services.character.mentions import mentioned
from services.character.reward import Decision, Item, decide
from services.character.store import CatalogueStore
from services.runtime.errors import DomainError
from services.runtime.outbox import Entry
from services.runtime.remote import domain_error

OWNERSHIP_SECONDS: Final = 3.0
"""Budget of asking the users domain."""


class CharacterService(grpc_pb.CharacterServiceServicer):
    """Answers from the catalogue in memory; only SyncCatalog touches the database."""

    def __init__(
        self,
        live: LiveCatalogue,
        store: CatalogueStore,
        publish: Callable[[Sequence[Entry]], Awaitable[object]],
        users_channel: grpc.aio.Channel,
    ) -> None:
        self._live = live
        self._store = store
        self._publish = publish
        self._users = UsersServiceStub(users_channel)

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
                for character in self._live.current.characters
            ]
        )

    async def MatchCharacter(
        self, request: pb.MatchCharacterRequest, context: Any
    ) -> pb.MatchCharacterResponse:
        """The character an item earns."""
        decision = self._decision(request)
        return pb.MatchCharacterResponse(
            character=_optional(decision.character), match_reason=decision.reason
        )

    async def GetCharacterReward(
        self, request: pb.GetCharacterRewardRequest, context: Any
    ) -> pb.GetCharacterRewardResponse:
        """The character an item earns, and whether the user has it already."""
        decision = self._decision(request.item)
        owned = False
        if decision.character is not None:
            owned = await self._owns(request.user_id, decision.character.code)
        return pb.GetCharacterRewardResponse(
            received=decision.character is not None and not owned,
            already_owned=owned,
            character=_optional(decision.character),
            match_reason=decision.reason,
        )

    async def GetDefaultCharacter(
        self, request: pb.GetDefaultCharacterRequest, context: Any
    ) -> pb.GetDefaultCharacterResponse:
        """The character every user starts with."""
        return pb.GetDefaultCharacterResponse(character=_message(self._live.current.default))

    async def GetCharacter(
        self, request: pb.GetCharacterRequest, context: Any
    ) -> pb.GetCharacterResponse:
        """The character of a name."""
        character = self._live.current.named(request.name)
        if character is None:
            raise DomainError(
                ErrorReason.ERROR_REASON_CHARACTER_NOT_FOUND,
                "no character goes by that name",
                metadata={"name": request.name},
            )
        return pb.GetCharacterResponse(character=_message(character))

    async def FindCharacters(
        self, request: pb.FindCharactersRequest, context: Any
    ) -> pb.FindCharactersResponse:
        """The characters a sentence mentions."""
        found = mentioned(request.text, self._live.current)
        return pb.FindCharactersResponse(characters=map(_message, found))

    async def SyncCatalog(
        self, request: pb.SyncCatalogRequest, context: Any
    ) -> pb.SyncCatalogResponse:
        """Make the catalogue what the request says."""
        wanted = list(map(_character, request.characters))
        if found := problems(wanted):
            raise _invalid(found)
        synced = await self._store.sync(wanted, dry_run=request.dry_run)
        self._live.learn(synced.stated)
        await self._publish(synced.entries)
        return pb.SyncCatalogResponse(
            changes=[
                pb.CatalogChange(
                    code=change.code, name=change.name, action=change.action, fields=change.fields
                )
                for change in synced.changes
            ],
            revision=synced.revision,
        )

    def _decision(self, item: pb.MatchCharacterRequest) -> Decision:
        return decide(
            Item(
                major=item.major_category,
                middle=item.middle_category,
                minor=item.minor_category,
                rules_found=item.disposal_rules_present,
                lacks_something=item.insufficiencies_present,
            ),
            self._live.current,
        )

    async def _owns(self, user_id: str, code: str) -> bool:
        """Whether a user has a character, as the users domain knows."""
        try:
            answer = await self._users.GetCharacterOwnership(
                users_pb.GetCharacterOwnershipRequest(user_id=user_id, character_code=code),
                timeout=OWNERSHIP_SECONDS,
            )
        except grpc.aio.AioRpcError as error:
            raise domain_error(error, "users") or error from error
        return bool(answer.owned)


def _message(character: Character) -> pb.Character:
    return pb.Character(
        character_id=character.character_id,
        code=character.code,
        name=character.name,
        type=character.type,
        dialog=character.dialog,
        match=character.match,
    )


def _optional(character: Character | None) -> pb.Character | None:
    return None if character is None else _message(character)


def _character(message: pb.CatalogCharacter) -> Character:
    return Character(
        message.code,
        message.name,
        message.type,
        message.dialog,
        message.match if message.HasField("match") else None,
        tuple(message.aliases),
    )


def _invalid(found: Sequence[Problem]) -> DomainError:
    def path(problem: Problem) -> str:
        if problem.index is None:
            return "characters"
        return f"characters[{problem.index}].{problem.field}"

    return DomainError(
        ErrorReason.ERROR_REASON_VALIDATION_FAILED,
        f"the characters make no catalogue: {found[0]}",
        violations=[(path(problem), problem.text) for problem in found[:20]],
    )
