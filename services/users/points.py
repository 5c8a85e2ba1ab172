"""The ledger of points: what earned them, once each."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import asyncpg

from services.runtime.cursor import Cursor
from services.runtime.pool import Pool
from services.users.profile import point_entry_id

_BOOK: Final = """
WITH account AS (
    SELECT id FROM accounts WHERE id = $2 FOR KEY SHARE
), booked AS (
    INSERT INTO point_entries (id, user_id, points, reason, reference)
    SELECT $1, id, $3, $4, $5 FROM account
    ON CONFLICT DO NOTHING
    RETURNING points
)
SELECT EXISTS (SELECT FROM booked) AS booked,
       coalesce((SELECT sum(points) FROM point_entries WHERE user_id = $2), 0)
       + coalesce((SELECT sum(points) FROM booked), 0) AS total
"""


_BOOK_MANY: Final = """
INSERT INTO point_entries (id, user_id, points, reason, reference)
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::int[], $4::text[], $5::text[])
ON CONFLICT DO NOTHING
"""


@dataclass(frozen=True, slots=True)
class Earned:
    """Points on their way to a user."""

    user_id: uuid.UUID
    points: int
    reason: str
    reference: str


async def book_many(connection: asyncpg.Connection, earned: Sequence[Earned]) -> None:
    """Book points of accounts that exist, within the caller's transaction; each once."""
    if not earned:
        return
    await connection.execute(
        _BOOK_MANY,
        [point_entry_id(each.user_id, each.reason, each.reference) for each in earned],
        [each.user_id for each in earned],
        [each.points for each in earned],
        [each.reason for each in earned],
        [each.reference for each in earned],
    )


@dataclass(frozen=True, slots=True)
class Booking:
    """What became of a booking."""

    booked: bool
    """False when it was booked before, or there is no such account."""
    total: int


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of the ledger."""

    id: uuid.UUID
    points: int
    reason: str
    reference: str
    created_at: datetime


class Ledger:
    """Points through the domain's pool."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def book(self, user_id: uuid.UUID, points: int, reason: str, reference: str) -> Booking:
        """Book points, unless this reason and reference were booked for the user before.

        An account that does not exist earns nothing.
        """
        row = await self._pool.fetchrow(
            _BOOK,
            point_entry_id(user_id, reason, reference),
            user_id,
            points,
            reason,
            reference,
        )
        return Booking(row["booked"], int(row["total"]))

    async def total(self, user_id: uuid.UUID) -> int | None:
        """Points of a user; None without an account."""
        total = await self._pool.fetchval(
            "SELECT (SELECT coalesce(sum(points), 0) FROM point_entries WHERE user_id = $1) "
            "FROM accounts WHERE id = $1",
            user_id,
        )
        return None if total is None else int(total)

    async def entries(self, user_id: uuid.UUID, after: Cursor | None, limit: int) -> list[Entry]:
        """Bookings of a user, newest first, from after the cursor on."""
        where, arguments = "", [user_id, limit]
        if after is not None:
            where = "AND (created_at, id) < ($3, $4)"
            arguments += [after.created_at, after.row_id]
        rows = await self._pool.fetch(
            "SELECT id, points, reason, reference, created_at FROM point_entries "  # noqa: S608
            f"WHERE user_id = $1 {where} ORDER BY created_at DESC, id DESC LIMIT $2",
            *arguments,
        )
        return [Entry(*row) for row in rows]
