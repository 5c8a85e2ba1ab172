"""The scan schema as the RPCs use it. What the sweeper does is in :mod:`services.scan.sweeps`."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

import asyncpg
from eco2.scan.v1 import scan_pb2

from services.runtime import idempotency
from services.runtime.cursor import Cursor
from services.runtime.idempotency import Claim
from services.runtime.outbox import Entry, Outbox
from services.runtime.pool import Pool
from services.scan.corrections import corrected
from services.scan.job import Correction, Job, Submission, Summary
from services.scan.state import Event, Status, sources

COLUMNS: Final = (
    "job_id, user_id, image_url, image_key, image_content_type, user_input, model, municipality, "
    "traceparent, created_at, deadline_at"
)
"""What a submission consists of, in the order of :func:`_values`."""

_PLACES: Final = "$1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11"

_INSERT: Final = f"INSERT INTO jobs ({COLUMNS}) VALUES ({_PLACES})"  # noqa: S608 - constants

_CLAIM: Final = idempotency.CLAIM.format(
    job_id="$1", user_id="$2", now="$10", key="$12", fingerprint="$13", ttl="$14"
)

_INSERT_ONCE: Final = f"""
WITH claim AS (
    {_CLAIM}
), accepted AS (
    INSERT INTO jobs ({COLUMNS})
    SELECT $1::uuid, $2::uuid, $3::text, $4::text, $5::text, $6::text, $7::text, $8::text,
           $9::text, $10::timestamptz, $11::timestamptz FROM claim
)
SELECT job_id FROM claim
"""  # noqa: S608 - constants

# A row that was inserted, not updated, has no transaction that ended it (xmax).
_CORRECT: Final = """
INSERT INTO corrections
    (job_id, user_id, major_category, middle_category, minor_category, comment)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (job_id) DO UPDATE
    SET major_category = excluded.major_category, middle_category = excluded.middle_category,
        minor_category = excluded.minor_category, comment = excluded.comment, updated_at = now()
RETURNING xmax = 0 AS first, created_at
"""

_JOB: Final = (
    "job_id, user_id, status, image_url, user_input, municipality, created_at, finished_at, "
    "result, document, error_reason"
)


class JobStore:
    """Jobs through the domain's pool; each method is one round trip where nothing is in the way."""

    def __init__(self, pool: Pool, outbox: Outbox) -> None:
        self._pool = pool
        self._outbox = outbox

    async def accept(self, job: Submission) -> None:
        """Store a new job; once this returns it is accepted."""
        await self._pool.execute(_INSERT, *_values(job))

    async def first(self, user_id: uuid.UUID, key: str, ttl: timedelta) -> Claim | None:
        """The submission that used this idempotency key within the last `ttl`."""
        return await idempotency.first(self._pool, user_id, key, ttl)

    async def accept_once(
        self, job: Submission, key: str, fingerprint: bytes, ttl: timedelta
    ) -> Claim:
        """Store a new job unless its idempotency key is taken; the submission that has it now."""
        while True:
            claimed = await self._pool.fetchval(_INSERT_ONCE, *_values(job), key, fingerprint, ttl)
            if claimed is not None:
                return Claim(job.job_id, fingerprint)
            known = await self.first(job.user_id, key, ttl)
            if known is not None:
                return known
            # it ran out between the two statements

    async def mark_dispatched(self, job_ids: Sequence[uuid.UUID]) -> None:
        """Note that Kafka has acknowledged the records of these jobs."""
        await mark_dispatched(self._pool, job_ids)

    async def get(self, job_id: uuid.UUID) -> Job | None:
        """A job, whoever owns it."""
        row = await self._pool.fetchrow(f"SELECT {_JOB} FROM jobs WHERE job_id = $1", job_id)  # noqa: S608
        return _job(row)

    async def get_owned(self, job_id: uuid.UUID, user_id: uuid.UUID) -> Job | None:
        """A job of this user."""
        job = await self.get(job_id)
        return job if job is not None and job.user_id == user_id else None

    async def complete(
        self, job_id: uuid.UUID, municipality: str, result: scan_pb2.ScanResult, document: str
    ) -> Job | None:
        """Store a result; None, and nothing changes, when the job has ended, does not exist, or
        is of another municipality than the one `document` was rendered for.
        """
        labels = result.classification
        row = await self._pool.fetchrow(
            f"""
            UPDATE jobs
               SET status = 'completed', result = $2, document = $3, finished_at = now(),
                   major_category = $4, middle_category = $5, minor_category = $6, reward_name = $7
             WHERE job_id = $1 AND status = ANY($8::text[]) AND municipality = $9
            RETURNING {_JOB}
            """,  # noqa: S608 - constants
            job_id,
            result.SerializeToString(),
            document,
            labels.major_category,
            labels.middle_category,
            labels.minor_category,
            result.reward.name if result.HasField("reward") else None,
            sources(Event.COMPLETE),
            municipality,
        )
        return _job(row)

    async def fail(self, job_id: uuid.UUID, reason: str, stage: str) -> Job | None:
        """End a job with a reason; None when it has ended already or does not exist."""
        row = await self._pool.fetchrow(
            f"""
            UPDATE jobs
               SET status = 'failed', error_reason = $2, error_stage = $3, finished_at = now()
             WHERE job_id = $1 AND status = ANY($4::text[])
            RETURNING {_JOB}
            """,  # noqa: S608 - constants
            job_id,
            reason,
            stage,
            sources(Event.FAIL),
        )
        return _job(row)

    async def cancel(self, job_id: uuid.UUID, user_id: uuid.UUID) -> bool:
        """Cancel a job of this user; False when there is none that still runs."""
        cancelled = await self._pool.fetchval(
            """
            UPDATE jobs SET status = 'cancelled', finished_at = now()
             WHERE job_id = $1 AND user_id = $2 AND status = ANY($3::text[])
            RETURNING true
            """,
            job_id,
            user_id,
            sources(Event.CANCEL),
        )
        return bool(cancelled)

    async def history(self, user_id: uuid.UUID, after: Cursor | None, limit: int) -> list[Summary]:
        """Jobs of a user, newest first, from after the cursor on."""
        # Two statements, so that each gets a plan that walks the index from its start.
        where, arguments = "", [user_id, limit]
        if after is not None:
            where = "AND (created_at, job_id) < ($3, $4)"
            arguments += [after.created_at, after.row_id]
        rows = await self._pool.fetch(
            f"""
            SELECT job_id, status, image_url, major_category, middle_category, minor_category,
                   reward_name, created_at
              FROM jobs WHERE user_id = $1 {where}
             ORDER BY created_at DESC, job_id DESC LIMIT $2
            """,  # noqa: S608 - constants
            *arguments,
        )
        return [Summary(*row) for row in rows]

    async def correct(
        self, job_id: uuid.UUID, user_id: uuid.UUID, correction: Correction
    ) -> Sequence[Entry]:
        """Store a correction in place of an earlier one; what is to be published of a first one."""
        async with self._pool.acquire() as connection, connection.transaction():
            row = await connection.fetchrow(_CORRECT, job_id, user_id, *correction)
            if not row["first"]:
                return ()
            return await self._outbox.add(
                connection, [corrected(user_id, job_id, row["created_at"])]
            )


async def mark_dispatched(
    database: Pool | asyncpg.Connection, job_ids: Sequence[uuid.UUID]
) -> None:
    """Note that Kafka has acknowledged the records of these jobs."""
    await database.execute(
        """
        UPDATE jobs SET status = 'processing', dispatched_at = now()
         WHERE job_id = ANY($1::uuid[]) AND status = ANY($2::text[])
        """,
        job_ids,
        sources(Event.DISPATCH),
    )


def _values(job: Submission) -> tuple[object, ...]:
    """The values of :data:`COLUMNS`."""
    return (
        job.job_id,
        job.user_id,
        job.image_url,
        job.image_key,
        job.image_content_type,
        job.user_input,
        job.model,
        job.municipality,
        job.traceparent,
        job.created_at,
        job.deadline_at,
    )


def _job(row: asyncpg.Record | None) -> Job | None:
    if row is None:
        return None
    return Job(
        job_id=row["job_id"],
        user_id=row["user_id"],
        status=Status(row["status"]),
        image_url=row["image_url"],
        user_input=row["user_input"],
        municipality=row["municipality"],
        created_at=row["created_at"],
        finished_at=row["finished_at"],
        result=row["result"],
        document=row["document"],
        error_reason=row["error_reason"],
    )
