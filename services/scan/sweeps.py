"""What the sweeper asks of the scan schema, on the connection that holds its lock."""

from __future__ import annotations

import uuid
from datetime import timedelta

import asyncpg

from services.scan.job import Submission
from services.scan.state import Event, sources
from services.scan.store import COLUMNS


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
