"""SQL of the users domain."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import asyncpg

from services.runtime.outbox import Entry, Outbox
from services.runtime.pool import Pool
from services.users import events
from services.users.points import Earned, book_many

_ACCOUNT: Final = "id, nickname, name, email, phone_number, created_at"


@dataclass(frozen=True, slots=True)
class Account:
    """One row of accounts."""

    id: uuid.UUID
    nickname: str
    name: str
    email: str
    phone_number: str | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Login:
    """The provider shown for a session and its last sign-in."""

    provider: str
    last_login_at: datetime | None


@dataclass(frozen=True, slots=True)
class Grant:
    """A character on its way to a user."""

    ownership_id: uuid.UUID
    user_id: uuid.UUID
    character_id: uuid.UUID
    code: str
    name: str
    type: str
    dialog: str
    source: str
    granted_at: datetime
    points: int = 0
    """Points the same fact earned."""
    reference: str = ""
    """What exactly earned the points."""


@dataclass(frozen=True, slots=True)
class SignIn:
    """Whose a sign-in is, and what is to be published of it."""

    account: Account
    created: bool
    """Whether the account was made now."""
    entries: Sequence[Entry] = ()


class PhoneNumberTakenError(Exception):
    """Another account has the phone number."""


@dataclass(frozen=True, slots=True)
class GrantCount:
    """What became of grants."""

    granted: int
    already_owned: int
    dropped: int


class UserStore:
    """Reads and writes the schema ``users``."""

    def __init__(self, pool: Pool, outbox: Outbox) -> None:
        self._pool = pool
        self._outbox = outbox

    async def account(self, user_id: str) -> Account | None:
        """The account of a user."""
        row = await self._pool.fetchrow(
            f"SELECT {_ACCOUNT} FROM accounts WHERE id = $1",  # noqa: S608 - constants
            uuid.UUID(user_id),
        )
        return None if row is None else Account(**dict(row))

    async def profile(self, user_id: str, provider: str) -> tuple[Account, Login] | None:
        """An account and its sign-in, chosen as :meth:`login` does, in one round trip."""
        row = await self._pool.fetchrow(
            f"SELECT {_ACCOUNT}, provider, last_login_at FROM accounts "  # noqa: S608 - constants
            "LEFT JOIN LATERAL (SELECT provider, last_login_at FROM social_accounts "
            "WHERE user_id = accounts.id ORDER BY provider = $2 DESC, last_login_at DESC LIMIT 1"
            ") AS login ON true WHERE id = $1",
            uuid.UUID(user_id),
            provider,
        )
        if row is None:
            return None
        *account, shown, last_login_at = row
        return Account(*account), Login(shown or provider or "unknown", last_login_at)

    async def login(self, user_id: str, provider: str) -> Login:
        """The sign-in with this provider, else the latest one, else the provider as given."""
        row = await self._pool.fetchrow(
            "SELECT provider, last_login_at FROM social_accounts WHERE user_id = $1 "
            "ORDER BY provider = $2 DESC, last_login_at DESC LIMIT 1",
            uuid.UUID(user_id),
            provider,
        )
        if row is None:
            return Login(provider or "unknown", None)
        return Login(row["provider"], row["last_login_at"])

    async def signed_in(self, provider: str, provider_user_id: str) -> SignIn | None:
        """The account of a provider's user, with the sign-in noted; None when there is none."""
        async with self._pool.acquire() as connection:
            found = await self._signed_in(connection, provider, provider_user_id)
        return None if found is None else SignIn(found, created=False)

    async def create(
        self,
        *,
        provider: str,
        provider_user_id: str,
        email: str,
        name: str,
        nickname: str,
        profile_image_url: str,
        new_id: uuid.UUID,
        starter: Grant | None,
    ) -> SignIn:
        """Make the account of a provider's user, with its first character if that is known.

        Two first sign-ins at once make one account: the loser of the unique key is rolled back and
        finds the winner's.
        """
        async with self._pool.acquire() as connection:
            try:
                async with connection.transaction():
                    row = await connection.fetchrow(
                        "INSERT INTO accounts (id, nickname, name, email, profile_image_url) "  # noqa: S608
                        f"VALUES ($1, $2, $3, $4, $5) RETURNING {_ACCOUNT}",
                        new_id, nickname, name, email, profile_image_url,
                    )  # fmt: skip
                    await connection.execute(
                        "INSERT INTO social_accounts (user_id, provider, provider_user_id, email) "
                        "VALUES ($1, $2, $3, $4)",
                        new_id, provider, provider_user_id, email,
                    )  # fmt: skip
                    if starter is not None:
                        await self._insert_grants(connection, [starter])
                    account = Account(**dict(row))
                    entries = await self._outbox.add(
                        connection, [events.created(new_id, provider, account.created_at)]
                    )
                return SignIn(account, created=True, entries=entries)
            except asyncpg.UniqueViolationError:
                winner = await self._signed_in(connection, provider, provider_user_id)
                if winner is None:
                    raise
                return SignIn(winner, created=False)

    async def _signed_in(
        self, connection: asyncpg.Connection, provider: str, provider_user_id: str
    ) -> Account | None:
        row = await connection.fetchrow(
            "WITH login AS (UPDATE social_accounts SET last_login_at = now() "  # noqa: S608
            "WHERE provider = $1 AND provider_user_id = $2 RETURNING user_id) "
            f"SELECT {_ACCOUNT} FROM accounts JOIN login ON login.user_id = accounts.id",
            provider,
            provider_user_id,
        )
        return None if row is None else Account(**dict(row))

    async def update(
        self, user_id: str, *, nickname: str | None, phone_number: str | None
    ) -> Account | None:
        """Change what is given; None without an account, PhoneNumberTakenError for a number that
        another account has. The unique key decides when two accounts want one number at once.
        """
        try:
            row = await self._pool.fetchrow(
                "UPDATE accounts SET nickname = coalesce($2, nickname), "  # noqa: S608 - constants
                "phone_number = coalesce($3, phone_number), updated_at = now() "
                f"WHERE id = $1 RETURNING {_ACCOUNT}",
                uuid.UUID(user_id),
                nickname,
                phone_number,
            )
        except asyncpg.UniqueViolationError:
            raise PhoneNumberTakenError from None
        return None if row is None else Account(**dict(row))

    async def delete(self, user_id: str, now: datetime) -> Sequence[Entry] | None:
        """Delete an account with all this domain has of it; what is to be published of that, or
        None without an account.
        """
        account_id = uuid.UUID(user_id)
        async with self._pool.acquire() as connection, connection.transaction():
            if not await connection.fetchval(
                "DELETE FROM accounts WHERE id = $1 RETURNING true", account_id
            ):
                return None
            return await self._outbox.add(connection, [events.deleted(account_id, now)])

    async def characters(self, user_id: str) -> list[asyncpg.Record]:
        """Characters of a user, newest first.

        Of several under one name the first that was earned: a character may have had another code
        once, and the app counts names.
        """
        rows: list[asyncpg.Record] = await self._pool.fetch(
            "SELECT * FROM (SELECT DISTINCT ON (name) character_id, character_code, name, type, "
            "dialog, source, acquired_at FROM user_characters WHERE user_id = $1 "
            "ORDER BY name, acquired_at, character_code) AS mine "
            "ORDER BY acquired_at DESC, character_code",
            uuid.UUID(user_id),
        )
        return rows

    async def acquired(self, user_id: str, code: str) -> tuple[bool, datetime | None]:
        """Whether there is such an account, and since when it has the character of a code."""
        row = await self._pool.fetchrow(
            "SELECT (SELECT acquired_at FROM user_characters "
            "WHERE user_id = accounts.id AND character_code = $2) AS acquired_at "
            "FROM accounts WHERE id = $1",
            uuid.UUID(user_id),
            code,
        )
        return (False, None) if row is None else (True, row["acquired_at"])

    async def owns(self, user_id: str, name: str) -> bool:
        """Whether a user owns the character of a name."""
        return bool(
            await self._pool.fetchval(
                "SELECT EXISTS (SELECT 1 FROM user_characters WHERE user_id = $1 AND name = $2)",
                uuid.UUID(user_id),
                name,
            )
        )

    async def grant(self, grants: Sequence[Grant]) -> GrantCount:
        """Record grants and book their points; what is there already stays as it is."""
        unique = {grant.ownership_id: grant for grant in grants}
        async with self._pool.acquire() as connection, connection.transaction():
            known = {
                row["id"]
                for row in await connection.fetch(
                    "SELECT id FROM accounts WHERE id = ANY($1::uuid[]) FOR KEY SHARE",
                    list({grant.user_id for grant in unique.values()}),
                )
            }
            wanted = [grant for grant in unique.values() if grant.user_id in known]
            granted = await self._insert_grants(connection, wanted)
            await book_many(
                connection,
                [
                    Earned(grant.user_id, grant.points, grant.source, grant.reference)
                    for grant in grants
                    if grant.points and grant.user_id in known
                ],
            )
        dropped = sum(grant.user_id not in known for grant in grants)
        return GrantCount(granted, len(grants) - dropped - granted, dropped)

    async def _insert_grants(self, connection: asyncpg.Connection, grants: Sequence[Grant]) -> int:
        """Insert grants in one statement; how many were new."""
        rows = await connection.fetch(
            "INSERT INTO user_characters (id, user_id, character_id, character_code, name, type, "
            "dialog, source, acquired_at) SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], "
            "$4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::timestamptz[]) "
            "ON CONFLICT DO NOTHING RETURNING 1",
            [grant.ownership_id for grant in grants],
            [grant.user_id for grant in grants],
            [grant.character_id for grant in grants],
            [grant.code for grant in grants],
            [grant.name for grant in grants],
            [grant.type for grant in grants],
            [grant.dialog for grant in grants],
            [grant.source for grant in grants],
            [grant.granted_at for grant in grants],
        )
        return len(rows)
