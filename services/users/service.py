"""UsersService."""

from __future__ import annotations

import random
import uuid
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import asyncpg
from eco2.errors.v1.error_reason_pb2 import ErrorReason
from eco2.users.v1 import user_pb2
from eco2.users.v1 import users_service_pb2 as pb
from eco2.users.v1 import users_service_pb2_grpc as grpc_pb
from google.protobuf import empty_pb2

from services.runtime import identity, paging, refusals
from services.runtime.cursor import Cursor
from services.runtime.errors import DomainError
from services.runtime.outbox import Entry
from services.runtime.timestamps import timestamp
from services.users import phone
from services.users.points import Ledger
from services.users.profile import (
    chosen_nickname,
    display_name,
    given_nickname,
    ownership_id,
)
from services.users.starter import SOURCE, Starters
from services.users.store import Account, Grant, Login, PhoneNumberTakenError, UserStore

DEFAULT_PAGE: Final = 20


def _user(account: Account) -> user_pb2.User:
    return user_pb2.User(
        user_id=str(account.id),
        name=account.name,
        nickname=account.nickname,
        email=account.email,
        phone_number=account.phone_number or "",
        created_at=timestamp(account.created_at),
    )


class UsersService(grpc_pb.UsersServiceServicer):
    """Profiles, ownerships and points. `publish` sends what a change put into the outbox."""

    def __init__(
        self,
        store: UserStore,
        ledger: Ledger,
        publish: Callable[[Sequence[Entry]], Awaitable[object]],
        starters: Starters,
    ) -> None:
        self._store = store
        self._ledger = ledger
        self._publish = publish
        self._starters = starters
        self._chance = random.SystemRandom()

    async def GetMe(self, request: pb.GetMeRequest, context: Any) -> pb.GetMeResponse:
        """The caller's profile."""
        found = await self._store.profile(identity.require_user(), identity.current().provider)
        if found is None:
            raise _no_such_user()
        return pb.GetMeResponse(**_profile(*found))

    async def UpdateMe(self, request: pb.UpdateMeRequest, context: Any) -> pb.UpdateMeResponse:
        """Change the caller's profile; answers as GetMe."""
        nickname, phone_number = changes_of(request)
        try:
            account = await self._store.update(
                identity.require_user(), nickname=nickname, phone_number=phone_number
            )
        except PhoneNumberTakenError:
            raise DomainError(
                ErrorReason.ERROR_REASON_PHONE_NUMBER_TAKEN, "another account has the number"
            ) from None
        if account is None:
            raise _no_such_user()
        login = await self._store.login(str(account.id), identity.current().provider)
        return pb.UpdateMeResponse(**_profile(account, login))

    async def DeleteMe(self, request: pb.DeleteMeRequest, context: Any) -> empty_pb2.Empty:
        """Delete the caller's account; the other domains hear of it."""
        entries = await self._store.delete(identity.require_user(), datetime.now(UTC))
        if entries is None:
            raise _no_such_user()
        await self._publish(entries)
        return empty_pb2.Empty()

    async def GetMyPoints(
        self, request: pb.GetMyPointsRequest, context: Any
    ) -> pb.GetMyPointsResponse:
        """The caller's points."""
        total = await self._ledger.total(uuid.UUID(identity.require_user()))
        if total is None:
            raise _no_such_user()
        return pb.GetMyPointsResponse(total=total)

    async def ListPointEntries(
        self, request: pb.ListPointEntriesRequest, context: Any
    ) -> pb.ListPointEntriesResponse:
        """A page of what earned the caller's points, newest first."""
        user_id = identity.require_user()
        scope = f"points:{user_id}"
        after = paging.after(request.cursor, scope)
        limit = request.limit or DEFAULT_PAGE
        rows = await self._ledger.entries(uuid.UUID(user_id), after, limit + 1)
        page = rows[:limit]
        response = pb.ListPointEntriesResponse()
        for row in page:
            response.entries.add(
                id=str(row.id),
                points=row.points,
                reason=row.reason,
                reference=row.reference,
                created_at=timestamp(row.created_at),
            )
        if len(rows) > limit:
            response.next_cursor = Cursor(page[-1].created_at, page[-1].id).encode(scope)
        return response

    async def ListMyCharacters(
        self, request: pb.ListMyCharactersRequest, context: Any
    ) -> pb.ListMyCharactersResponse:
        """The caller's characters, newest first."""
        user_id = identity.require_user()
        rows = await self._store.characters(user_id)
        if not any(row["source"] == SOURCE for row in rows):
            rows = await self._with_starter(user_id)
        response = pb.ListMyCharactersResponse()
        for row in rows:
            response.items.add(
                id=str(row["character_id"]),
                code=row["character_code"],
                name=row["name"],
                type=row["type"],
                dialog=row["dialog"],
                acquired_at=timestamp(row["acquired_at"]),
            )
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
        signed_in = await self._store.signed_in(request.provider, request.provider_user_id)
        if signed_in is None:
            new_id = uuid.uuid4()
            signed_in = await self._store.create(
                provider=request.provider,
                provider_user_id=request.provider_user_id,
                email=request.email,
                name=request.name,
                nickname=given_nickname(request.nickname, self._chance),
                profile_image_url=request.profile_image_url,
                new_id=new_id,
                starter=await self._starters.grant(new_id, datetime.now(UTC)),
            )
            await self._publish(signed_in.entries)
        return pb.GetOrCreateFromOAuthResponse(
            user=_user(signed_in.account), created=signed_in.created
        )

    async def GetUser(self, request: pb.GetUserRequest, context: Any) -> pb.GetUserResponse:
        """An account."""
        return pb.GetUserResponse(user=_user(await self._account(request.user_id)))

    async def GetCharacterOwnership(
        self, request: pb.GetCharacterOwnershipRequest, context: Any
    ) -> pb.GetCharacterOwnershipResponse:
        """Whether a user has a character."""
        known, acquired_at = await self._store.acquired(request.user_id, request.character_code)
        if not known:
            raise _no_such_user()
        return pb.GetCharacterOwnershipResponse(
            owned=acquired_at is not None,
            acquired_at=None if acquired_at is None else timestamp(acquired_at),
        )

    async def GrantCharacters(
        self, request: pb.GrantCharactersRequest, context: Any
    ) -> pb.GrantCharactersResponse:
        """Record earned characters and the points that came with them."""
        count = await self._store.grant([_grant(grant) for grant in request.grants])
        return pb.GrantCharactersResponse(
            granted=count.granted, already_owned=count.already_owned, dropped=count.dropped
        )

    async def AddPoints(self, request: pb.AddPointsRequest, context: Any) -> pb.AddPointsResponse:
        """Book points, once for each reason and reference of a user."""
        made = await self._ledger.book(
            uuid.UUID(request.user_id), request.points, request.reason, request.reference
        )
        return pb.AddPointsResponse(booked=made.booked, total=made.total)

    async def _account(self, user_id: str) -> Account:
        account = await self._store.account(user_id)
        if account is None:
            raise _no_such_user()
        return account

    async def _with_starter(self, user_id: str) -> list[asyncpg.Record]:
        """Characters of a user who has not been given the first one: signed up while nobody could
        say which it is, or taken over from elsewhere. It is given now, as of the sign-up.
        """
        account = await self._account(user_id)
        starter = await self._starters.grant(account.id, account.created_at)
        if starter is not None:
            await self._store.grant([starter])
        rows = await self._store.characters(user_id)
        if not rows:
            raise DomainError(
                ErrorReason.ERROR_REASON_DEPENDENCY_UNAVAILABLE,
                "the character service did not say what everybody starts with",
                metadata={"dependency": "character"},
                retry_after_seconds=1,
            )
        return rows


def _profile(account: Account, login: Login) -> dict[str, Any]:
    """Members of GetMeResponse and UpdateMeResponse, which are the same."""
    shown = display_name(account.nickname, account.name)
    return {
        "username": shown,
        "display_name": shown,
        "nickname": shown,
        "phone_number": account.phone_number,
        "provider": login.provider,
        "last_login_at": login.last_login_at and timestamp(login.last_login_at),
    }


def changes_of(request: pb.UpdateMeRequest) -> tuple[str | None, str | None]:
    """Nickname and phone number as they are to be stored, None for what stays.

    DomainError NO_CHANGES_PROVIDED, VALIDATION_FAILED (nickname), INVALID_PHONE_NUMBER.
    """
    nickname = phone_number = None
    if request.HasField("nickname"):
        try:
            nickname = chosen_nickname(request.nickname)
        except ValueError as error:
            raise refusals.invalid("nickname", str(error)) from None
    if request.HasField("phone_number"):
        try:
            phone_number = phone.formatted(request.phone_number)
        except ValueError as error:
            raise DomainError(
                ErrorReason.ERROR_REASON_INVALID_PHONE_NUMBER, f"phone_number is {error}"
            ) from None
    if nickname is None and phone_number is None:
        raise DomainError(
            ErrorReason.ERROR_REASON_NO_CHANGES_PROVIDED,
            "neither nickname nor phone_number was given",
        )
    return nickname, phone_number


def _no_such_user() -> DomainError:
    return DomainError(ErrorReason.ERROR_REASON_USER_NOT_FOUND, "no such user")


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
        points=message.points,
        reference=message.reference,
    )
