"""Erasing a user: their jobs and corrections, their idempotency keys, and what Redis keeps."""

from __future__ import annotations

import uuid
from typing import Final

from redis.asyncio import Redis

from services.runtime.database import affected
from services.runtime.pool import Pool
from services.scan import document
from services.scan.state import Event, sources
from streaming.kafka.topics import SCAN_CORRECTED
from streaming.progress.endings import Endings
from streaming.progress.erasure import erase_jobs

BATCH: Final = 200
"""Jobs erased in one transaction and one round trip to Redis."""

_STOP: Final = """
UPDATE jobs SET status = 'cancelled', finished_at = now()
 WHERE job_id IN (SELECT job_id FROM jobs WHERE user_id = $1 AND status = ANY($2::text[])
                   ORDER BY job_id LIMIT $3)
   AND status = ANY($2::text[])
RETURNING job_id
"""

# A correction that comes in meanwhile waits for the lock on its job, and then finds none.
_DELETE: Final = (
    "SELECT job_id FROM jobs WHERE job_id = ANY($1::uuid[]) ORDER BY job_id FOR UPDATE",
    "DELETE FROM corrections WHERE job_id = ANY($1::uuid[])",
    "DELETE FROM jobs WHERE job_id = ANY($1::uuid[])",
)


class Erasure:
    """Removes everything the scan domain keeps of a user. Repeatable, also after a half."""

    def __init__(self, pool: Pool, redis: Redis, endings: Endings) -> None:
        self._pool = pool
        self._redis = redis
        self._endings = endings

    async def erase(self, user_id: uuid.UUID) -> int:
        """Erase a user; how many rows were removed.

        Redis comes before the rows, which alone know what to look for there: when it is away
        (``ProgressUnavailable``), the rows stay for the next attempt.
        """
        erased = 0
        while running := await self._stop(user_id):
            await self._endings.publish(running, document.CANCELLED_MESSAGE)
            erased += await self._remove(running, running=True)
        while ended := await self._pool.fetch(
            "SELECT job_id FROM jobs WHERE user_id = $1 LIMIT $2", user_id, BATCH
        ):
            erased += await self._remove([row["job_id"] for row in ended], running=False)
        async with self._pool.acquire() as connection, connection.transaction():
            for statement, argument in (
                ("DELETE FROM idempotency_keys WHERE user_id = $1", (user_id,)),
                # Points nobody is left to get; a copy that was sent is dropped at its end.
                (
                    "DELETE FROM outbox WHERE topic = $1 AND key = $2",
                    (SCAN_CORRECTED.name, str(user_id)),
                ),
            ):
                erased += affected(await connection.execute(statement, *argument))
        return erased

    async def _stop(self, user_id: uuid.UUID) -> list[uuid.UUID]:
        """Cancel jobs that have not ended; which."""
        rows = await self._pool.fetch(_STOP, user_id, sources(Event.CANCEL), BATCH)
        return [row["job_id"] for row in rows]

    async def _remove(self, job_ids: list[uuid.UUID], *, running: bool) -> int:
        await erase_jobs(self._redis, {str(job_id): running for job_id in job_ids})
        lock, *deletions = _DELETE
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(lock, job_ids)
            return sum(
                [affected(await connection.execute(statement, job_ids)) for statement in deletions]
            )
