"""What the sweeper asks of the scan schema, on the connection that holds its lock."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Final

import asyncpg

from services.scan.job import Submission
from services.scan.state import Event, sources
from services.scan.store import COLUMNS

PURGE_BATCH: Final = 5_000
"""Idempotency keys deleted at a time."""


async def unsent(connection: asyncpg.Connection, age: timedelta, limit: int) -> list[Submission]:
    """Jobs accepted at least `age` ago whose record was never acknowledged, oldest first."""
    rows = await connection.fetch(
        f"""
        SELECT {COLUMNS} FROM jobs
         WHERE status = 'queued' AND created_at <= now() - $1::interval AND deadline_at > now()
         ORDER BY created_at LIMIT $2
        """,  # noqa: S608 - constants
        age,
        limit,
    )
    return [Submission(**row) for row in rows]


async def fail_overdue(connection: asyncpg.Connection, reason: str, limit: int) -> list[uuid.UUID]:
    """Fail jobs that have passed their deadline; which."""
    rows = await connection.fetch(
        """
        UPDATE jobs SET status = 'failed', error_reason = $1, finished_at = now()
         WHERE job_id IN (SELECT job_id FROM jobs
                           WHERE status IN ('queued', 'processing') AND deadline_at <= now()
                           ORDER BY deadline_at LIMIT $2 FOR UPDATE SKIP LOCKED)
           AND status = ANY($3::text[])
        RETURNING job_id
        """,
        reason,
        limit,
        sources(Event.FAIL),
    )
    return [row["job_id"] for row in rows]


async def purge_keys(connection: asyncpg.Connection, ttl: timedelta) -> int:
    """Delete idempotency keys that have run out; how many."""
    rows = await connection.fetch(
        """
        DELETE FROM idempotency_keys
         WHERE (user_id, key) IN (SELECT user_id, key FROM idempotency_keys
                                   WHERE created_at < now() - $1::interval LIMIT $2)
           AND created_at < now() - $1::interval
        RETURNING 1
        """,
        ttl,
        PURGE_BATCH,
    )
    return len(rows)
