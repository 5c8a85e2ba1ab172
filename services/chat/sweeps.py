"""What the sweeper asks of the chat schema, on the connection that holds its lock."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import timedelta

import asyncpg

from services.chat import inputs
from services.chat.state import Event, sources
from services.chat.store import delete_chats
from services.chat.waiting import lock_waiting, resume
from services.runtime.outbox import Entry, Outbox


async def fail_overdue(connection: asyncpg.Connection, reason: str, limit: int) -> list[uuid.UUID]:
    """Fail turns that have passed their deadline; which. One that waits has none."""
    rows = await connection.fetch(
        """
        UPDATE turns SET status = 'failed', error_reason = $1, finished_at = now()
         WHERE job_id IN (SELECT job_id FROM turns
                           WHERE status = 'accepted' AND deadline_at <= now()
                           ORDER BY deadline_at LIMIT $2 FOR UPDATE SKIP LOCKED)
           AND status = ANY($3::text[])
        RETURNING job_id
        """,
        reason,
        limit,
        sources(Event.FAIL),
    )
    return [row["job_id"] for row in rows]


async def expired(connection: asyncpg.Connection, limit: int) -> list[uuid.UUID]:
    """Turns that have waited long enough."""
    rows = await connection.fetch(
        """
        SELECT job_id FROM turns WHERE status = 'waiting' AND waits_until <= now()
         ORDER BY waits_until LIMIT $1
        """,
        limit,
    )
    return [row["job_id"] for row in rows]


async def expire(
    connection: asyncpg.Connection, outbox: Outbox, job_id: uuid.UUID, lifetime: timedelta
) -> Sequence[Entry]:
    """Let a turn go on without an input, unless one has come meanwhile; what is to be published."""
    async with connection.transaction():
        turn = await lock_waiting(connection, job_id)
        if turn is None:
            return ()
        return await resume(connection, outbox, turn, inputs.EXPIRED, "", lifetime)


async def purge(
    connection: asyncpg.Connection, hidden_for: timedelta, deleted_for: timedelta, limit: int
) -> int:
    """Delete for good hidden chats made so long ago, and those deleted so long ago; how many.

    What still runs in a hidden one is left alone.
    """
    rows = await connection.fetch(
        """
        (SELECT chat_id FROM chats c
          WHERE hidden AND created_at < now() - $1::interval
            AND NOT EXISTS (SELECT FROM turns t
                             WHERE t.chat_id = c.chat_id AND t.finished_at IS NULL)
          ORDER BY created_at LIMIT $3)
        UNION
        (SELECT chat_id FROM chats WHERE deleted_at < now() - $2::interval
          ORDER BY deleted_at LIMIT $3)
        """,
        hidden_for,
        deleted_for,
        limit,
    )
    if rows:
        await delete_chats(connection, [row["chat_id"] for row in rows])
    return len(rows)
