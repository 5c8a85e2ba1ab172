"""SQL of sessions. What tells the world of an ended session is written with the ending."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import asyncpg

from services.auth.revocation import Revocation
from services.auth.sessions import Family, Pair, Superseded
from services.auth.visitor import Visitor
from services.runtime.outbox import Entry, Message, Outbox
from services.runtime.pool import Pool

_FAMILY: Final = (
    "id, user_id, provider, refresh_jti, access_jti, kid, issued_at, access_expires_at, "
    "refresh_expires_at, superseded_jtis, superseded_at, tokens_expire_at, revoked_at"
)


@dataclass(frozen=True, slots=True)
class Device:
    """Where a session was started."""

    device_id: str = ""
    visitor: Visitor = Visitor()  # noqa: RUF009 - frozen


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A session as it is shown."""

    session_id: uuid.UUID
    provider: str
    device_id: str
    user_agent: str
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Ending:
    """Why and when sessions end, and by whom."""

    reason: str
    at: datetime
    visitor: Visitor = Visitor()  # noqa: RUF009 - frozen
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Ended:
    """Sessions that were ended, and what is to be published of it."""

    count: int
    entries: Sequence[Entry] = ()


class SessionStore:
    """Sessions through the domain's pool."""

    def __init__(self, pool: Pool, outbox: Outbox) -> None:
        self._pool = pool
        self._outbox = outbox

    async def add(self, family: Family, device: Device, now: datetime) -> None:
        """Store a new session and the record of the sign-in."""
        pair = family.current
        await self._pool.execute(
            """
            WITH session AS (
                INSERT INTO sessions (id, user_id, provider, device_id, user_agent, created_at,
                                      last_used_at, refresh_jti, access_jti, kid, issued_at,
                                      access_expires_at, refresh_expires_at, tokens_expire_at)
                VALUES ($1, $2, $3, $4, $5, $6, $6, $7, $8, $9, $10, $11, $12, $13)
            )
            INSERT INTO login_audits (session_id, user_id, provider, user_agent, issued_at,
                                      login_ip)
            VALUES ($1, $2, $3, $5, $6, $14)
            """,
            family.session_id,
            family.user_id,
            family.provider,
            device.device_id,
            device.visitor.user_agent,
            now,
            pair.refresh_jti,
            pair.access_jti,
            pair.kid,
            pair.issued_at,
            pair.access_expires_at,
            pair.refresh_expires_at,
            family.tokens_expire_at,
            device.visitor.address,
        )

    async def get(self, session_id: uuid.UUID) -> Family | None:
        """A session, ended or not."""
        row = await self._pool.fetchrow(
            f"SELECT {_FAMILY} FROM sessions WHERE id = $1",  # noqa: S608 - constants
            session_id,
        )
        return None if row is None else _family(row)

    async def rotate(self, before: Family, after: Family, now: datetime) -> bool:
        """Replace a session by its next state; False when it is not in the state `before` any more.

        The row lock lets one of several succeed: the others see that its latest token is another.
        """
        pair = after.current
        done = await self._pool.fetchval(
            """
            UPDATE sessions
               SET refresh_jti = $3, access_jti = $4, kid = $5, issued_at = $6,
                   access_expires_at = $7, refresh_expires_at = $8, tokens_expire_at = $9,
                   superseded_jtis = $10, superseded_at = $11, last_used_at = $12
             WHERE id = $1 AND refresh_jti = $2 AND revoked_at IS NULL
            RETURNING true
            """,
            before.session_id,
            before.current.refresh_jti,
            pair.refresh_jti,
            pair.access_jti,
            pair.kid,
            pair.issued_at,
            pair.access_expires_at,
            pair.refresh_expires_at,
            after.tokens_expire_at,
            [old.jti for old in after.superseded],
            [old.at for old in after.superseded],
            now,
        )
        return bool(done)

    async def end(self, session_ids: Sequence[uuid.UUID], ending: Ending) -> Ended:
        """End those of the sessions that have not ended."""
        return await self._end("id = ANY ($1::uuid[])", session_ids, ending)

    async def end_all(self, user_id: uuid.UUID, ending: Ending) -> Ended:
        """End every session of a user that has not ended."""
        return await self._end("user_id = $1::uuid", user_id, ending)

    async def _end(self, which: str, argument: object, ending: Ending) -> Ended:
        async with self._pool.acquire() as connection, connection.transaction():
            # Locked in one order, so that two of these can't wait for each other.
            rows = await connection.fetch(
                f"""
                WITH open AS (
                    SELECT id FROM sessions WHERE {which} AND revoked_at IS NULL
                     ORDER BY id FOR UPDATE
                )
                UPDATE sessions s SET revoked_at = $2, revoked_reason = $3
                  FROM open WHERE s.id = open.id
                RETURNING s.id, s.user_id, s.tokens_expire_at
                """,  # noqa: S608 - constants
                argument,
                ending.at,
                ending.reason,
            )
            if not rows:
                return Ended(0)
            await connection.execute(
                "INSERT INTO session_audits (session_id, user_id, event, detail, address, "
                "user_agent, at) SELECT s, u, $3, $4, $5, $6, $7 "
                "FROM unnest($1::uuid[], $2::uuid[]) AS ended (s, u)",
                [row["id"] for row in rows],
                [row["user_id"] for row in rows],
                ending.reason,
                ending.detail,
                ending.visitor.address,
                ending.visitor.user_agent,
                ending.at,
            )
            entries = await self._outbox.add(connection, _messages(rows, ending))
        return Ended(len(rows), entries)

    async def erase(self, user_id: uuid.UUID, ending: Ending) -> Ended:
        """Remove every trace of a user; sessions with tokens that could be valid are ended."""
        async with self._pool.acquire() as connection, connection.transaction():
            removed = await connection.fetch(
                "DELETE FROM sessions WHERE user_id = $1 "
                "RETURNING id, user_id, tokens_expire_at, revoked_at",
                user_id,
            )
            count = len(removed)
            for table in ("login_audits", "session_audits"):
                count += await connection.fetchval(
                    f"WITH gone AS (DELETE FROM {table} WHERE user_id = $1 RETURNING 1) "  # noqa: S608
                    "SELECT count(*) FROM gone",
                    user_id,
                )
            live = [row for row in removed if row["revoked_at"] is None]
            entries = await self._outbox.add(connection, _messages(live, ending))
        return Ended(count, entries)

    async def owner(self, session_id: uuid.UUID) -> uuid.UUID | None:
        """The user of a session."""
        found = await self._pool.fetchval("SELECT user_id FROM sessions WHERE id = $1", session_id)
        return found if isinstance(found, uuid.UUID) else None

    async def listed(self, user_id: uuid.UUID, now: datetime) -> list[Listed]:
        """Sessions of a user that can still be refreshed, latest use first."""
        rows = await self._pool.fetch(
            "SELECT id, provider, device_id, user_agent, created_at, last_used_at, "
            "refresh_expires_at FROM sessions WHERE user_id = $1 AND revoked_at IS NULL "
            "AND refresh_expires_at > $2 ORDER BY last_used_at DESC, id",
            user_id,
            now,
        )
        return [
            Listed(
                session_id=row["id"],
                provider=row["provider"],
                device_id=row["device_id"],
                user_agent=row["user_agent"],
                created_at=row["created_at"],
                last_used_at=row["last_used_at"],
                expires_at=row["refresh_expires_at"],
            )
            for row in rows
        ]


def _messages(rows: Sequence[asyncpg.Record], ending: Ending) -> list[Message]:
    return [
        Revocation(
            row["id"], row["user_id"], ending.reason, ending.at, row["tokens_expire_at"]
        ).message()
        for row in rows
    ]


def _family(row: asyncpg.Record) -> Family:
    return Family(
        session_id=row["id"],
        user_id=row["user_id"],
        provider=row["provider"],
        current=Pair(
            access_jti=row["access_jti"],
            refresh_jti=row["refresh_jti"],
            kid=row["kid"],
            issued_at=row["issued_at"],
            access_expires_at=row["access_expires_at"],
            refresh_expires_at=row["refresh_expires_at"],
        ),
        superseded=tuple(
            Superseded(jti, at)
            for jti, at in zip(row["superseded_jtis"], row["superseded_at"], strict=True)
        ),
        tokens_expire_at=row["tokens_expire_at"],
        revoked_at=row["revoked_at"],
    )
