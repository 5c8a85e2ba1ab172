"""The sweeper: no accepted job stays where it is for ever.

One leader sends the records that were never acknowledged, fails the jobs that passed their
deadline, and forgets idempotency keys that ran out.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

import asyncpg
from eco2.errors.v1.error_reason_pb2 import ErrorReason
from prometheus_client import Counter

from services.runtime import idempotency, logs
from services.runtime.errors import meaning_of
from services.runtime.leadership import lead
from services.runtime.pool import Pool
from services.scan import sweeps
from services.scan.dispatch import Dispatcher
from services.scan.job import Submission
from services.scan.settings import ScanSettings
from services.scan.store import mark_dispatched
from streaming.progress.endings import Endings

log = logs.get(__name__)

LOCK: Final = "scan.sweeper"
CONCURRENT_SENDS: Final = 50

_RESENT = Counter("scan_jobs_resent_total", "Records the sweeper had to send.")
_OVERDUE = Counter("scan_jobs_overdue_total", "Jobs failed for passing their deadline.")

OVERDUE: Final = ErrorReason.ERROR_REASON_JOB_DEADLINE_EXCEEDED


class Sweeper:
    """One pass at a time, in the one process that leads."""

    def __init__(
        self, pool: Pool, dispatcher: Dispatcher, endings: Endings, settings: ScanSettings
    ) -> None:
        self._pool = pool
        self._dispatcher = dispatcher
        self._endings = endings
        self._settings = settings

    async def run(self) -> None:
        """Sweep until cancelled, whenever this process leads."""
        await lead(self._pool, LOCK, self.sweep, every_seconds=self._settings.scan_sweep_seconds)

    async def sweep(self, connection: asyncpg.Connection) -> None:
        """One pass: deadlines first, so that nothing overdue is sent once more."""
        await self._fail_overdue(connection)
        await self._send_unsent(connection)
        await idempotency.purge(connection, timedelta(seconds=self._settings.idempotency_seconds))

    async def _fail_overdue(self, connection: asyncpg.Connection) -> None:
        meaning = meaning_of(OVERDUE)
        batch = self._settings.scan_sweep_batch
        while True:
            failed = await sweeps.fail_overdue(connection, meaning.name, batch)
            if failed:
                _OVERDUE.inc(len(failed))
                log.warning("jobs passed their deadline", count=len(failed))
                await self._endings.publish(failed, meaning.message_ko)
            if len(failed) < batch:
                return

    async def _send_unsent(self, connection: asyncpg.Connection) -> None:
        """Send until nothing is left, or until one record is not acknowledged (broker away)."""
        age = timedelta(seconds=self._settings.resend_after_seconds)
        batch = self._settings.scan_sweep_batch
        while True:
            jobs = await sweeps.unsent(connection, age, batch)
            for start in range(0, len(jobs), CONCURRENT_SENDS):
                group = jobs[start : start + CONCURRENT_SENDS]
                # The first alone: while the broker is away, one failure a pass is enough.
                if start == 0:
                    sent = await self._send(group[:1])
                    if sent and len(group) > 1:
                        sent += await self._send(group[1:])
                else:
                    sent = await self._send(group)
                await mark_dispatched(connection, sent)
                _RESENT.inc(len(sent))
                if len(sent) < len(group):
                    return
            if jobs:
                log.info("sent records that had not been acknowledged", count=len(jobs))
            if len(jobs) < batch:
                return

    async def _send(self, jobs: Sequence[Submission]) -> list[uuid.UUID]:
        """Announce jobs again; the ids of those acknowledged."""
        await asyncio.gather(*(self._dispatcher.open(job) for job in jobs))
        sent = await asyncio.gather(*(self._dispatcher.send(job) for job in jobs))
        return [job.job_id for job, done in zip(jobs, sent, strict=True) if done]
