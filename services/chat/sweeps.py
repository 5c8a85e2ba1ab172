"""What the sweeper asks of the chat schema, on the connection that holds its lock."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import timedelta

import asyncpg

from services.chat import inputs
from services.chat.state import Event, sources
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
