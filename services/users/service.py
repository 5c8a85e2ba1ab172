"""UsersService."""

from __future__ import annotations

import random
import uuid
from datetime import UTC, datetime
from typing import Any

import grpc.aio
from eco2.character.v1 import character_service_pb2 as character_pb
from eco2.character.v1.character_service_pb2_grpc import CharacterServiceStub
from eco2.errors.v1.error_reason_pb2 import ErrorReason
from eco2.users.v1 import user_pb2
from eco2.users.v1 import users_service_pb2 as pb
from eco2.users.v1 import users_service_pb2_grpc as grpc_pb

from services.runtime import identity, reply
from services.runtime.errors import DomainError
from services.users.profile import display_name, made_up_nickname, ownership_id
from services.users.store import Account, Grant, UserStore

DEFAULT_SOURCE = "default-onboard"
DEFAULT_CHARACTER_SECONDS = 3.0


def _user(account: Account) -> user_pb2.User:
    message = user_pb2.User(
        user_id=str(account.id),
        name=account.name,
        nickname=account.nickname,
        email=account.email,
        phone_number=account.phone_number or "",
    )
    message.created_at.FromDatetime(account.created_at)
    return message


class UsersService(grpc_pb.UsersServiceServicer):
    """Profiles and ownerships."""

    def __init__(self, store: UserStore, character_channel: grpc.aio.Channel) -> None:
        self._store = store
        self._characters = CharacterServiceStub(character_channel)
        self._chance = random.SystemRandom()
        self._default: character_pb.Character | None = None

    async def GetMe(self, request: pb.GetMeRequest, context: Any) -> pb.GetMeResponse:
        """The caller's profile."""
        caller = identity.current()
        account = await self._account(identity.require_user())
        login = await self._store.login(str(account.id), caller.provider)
        shown = display_name(account.nickname, account.name)
        response = pb.GetMeResponse(
            username=shown,
            display_name=shown,
            nickname=shown,
            phone_number=account.phone_number,
            provider=login.provider,
        )
        if login.last_login_at is not None:
            response.last_login_at.FromDatetime(login.last_login_at)
        return response

    async def ListMyCharacters(
        self, request: pb.ListMyCharactersRequest, context: Any
    ) -> pb.ListMyCharactersResponse:
        """The caller's characters, newest first."""
        reply.body_field("items")
        response = pb.ListMyCharactersResponse()
        for row in await self._store.characters(identity.require_user()):
            item = response.items.add(
                id=str(row["character_id"]),
                code=row["character_code"],
                name=row["name"],
                type=row["type"],
                dialog=row["dialog"],
            )
            item.acquired_at.FromDatetime(row["acquired_at"])
        return response

    async def GetOwnership(
        self, request: pb.GetOwnershipRequest, context: Any
    ) -> pb.GetOwnershipResponse:
        """Whether the caller owns a character."""
        owned = await self._store.owns(identity.require_user(), request.character_name)
        return pb.GetOwnershipResponse(character_name=request.character_name, owned=owned)

    async def GetOrCreateFromOAuth(
        self, request: pb.GetOrCreateFromOAuthRequest, context: Any
    ) -> pb.GetOrCreateFromOAuthResponse:
        """The account of a provider's user."""
        new_id = uuid.uuid4()
        account, created = await self._store.get_or_create(
            provider=request.provider,
            provider_user_id=request.provider_user_id,
            email=request.email,
            name=request.name,
            nickname=request.nickname.strip() or made_up_nickname(self._chance),
            profile_image_url=request.profile_image_url,
            new_id=new_id,
            starter=await self._starter(new_id),
        )
        return pb.GetOrCreateFromOAuthResponse(user=_user(account), created=created)

    async def GetUser(self, request: pb.GetUserRequest, context: Any) -> pb.GetUserResponse:
        """An account."""
        return pb.GetUserResponse(user=_user(await self._account(request.user_id)))

    async def GrantCharacters(
        self, request: pb.GrantCharactersRequest, context: Any
    ) -> pb.GrantCharactersResponse:
        """Record earned characters."""
        count = await self._store.grant([_grant(grant) for grant in request.grants])
        return pb.GrantCharactersResponse(
            granted=count.granted, already_owned=count.already_owned, dropped=count.dropped
        )

    async def _account(self, user_id: str) -> Account:
        account = await self._store.account(user_id)
        if account is None:
            raise DomainError(ErrorReason.ERROR_REASON_USER_NOT_FOUND, "no such user")
        return account

    async def _starter(self, user_id: uuid.UUID) -> Grant:
        """Grant of the default character, which the character domain names."""
        if self._default is None:
            answer = await self._characters.GetDefaultCharacter(
                character_pb.GetDefaultCharacterRequest(), timeout=DEFAULT_CHARACTER_SECONDS
            )
            self._default = answer.character
        character = self._default
        return Grant(
            ownership_id=ownership_id(str(user_id), character.code),
            user_id=user_id,
            character_id=uuid.UUID(character.character_id),
            code=character.code,
            name=character.name,
            type=character.type,
            dialog=character.dialog,
            source=DEFAULT_SOURCE,
            granted_at=datetime.now(UTC),
        )


def _grant(message: pb.CharacterGrant) -> Grant:
    user_id = uuid.UUID(message.user_id)
    granted_at = (
        message.granted_at.ToDatetime(UTC) if message.HasField("granted_at") else datetime.now(UTC)
    )
    return Grant(
        ownership_id=ownership_id(str(user_id), message.code),
        user_id=user_id,
        character_id=uuid.UUID(message.character_id),
        code=message.code,
        name=message.name,
        type=message.type,
        dialog=message.dialog,
        source=message.source,
        granted_at=granted_at,
    )
