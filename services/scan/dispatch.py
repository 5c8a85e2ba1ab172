"""Telling the world about an accepted job: its `queued` event, and the record for the first stage.

Nothing here decides whether a job is accepted; the committed row has. So nothing here fails a
submission either: what could not be sent within its budget is left to the sweeper.
"""

from __future__ import annotations

import asyncio
import time
import uuid

import asyncpg
from prometheus_client import Counter

from services.runtime import logs
from services.scan.job import Submission
from services.scan.settings import ScanSettings
from services.scan.store import JobStore
from streaming.kafka.headers import TRACEPARENT
from streaming.kafka.producer import DeliveryError, Producer
from streaming.kafka.topics import SCAN_VISION
from streaming.progress.event import ProgressEvent
from streaming.progress.publisher import ProgressPublisher
from streaming.progress.scripts import ProgressUnavailable

log = logs.get(__name__)

_SENT = Counter("scan_dispatch_total", "Records for the first stage.", ["outcome"])

FAILURES_BEFORE_PAUSE = 3
"""So many sends in a row without an acknowledgement mean that the broker is away; a single one may
just as well be a stall of this process."""

CLOSE_SECONDS = 2.0
FLUSH_FAILED_PAUSE_SECONDS = 1.0
"""Pause after the database refused a batch of marks."""


class Dispatcher:
    """Announces jobs, and marks those whose record was acknowledged."""

    def __init__(
        self,
        store: JobStore,
        publisher: ProgressPublisher,
        producer: Producer,
        settings: ScanSettings,
    ) -> None:
        self._store = store
        self._publisher = publisher
        self._producer = producer
        self._settings = settings
        self._acknowledged: list[uuid.UUID] = []
        self._failures = 0
        self._broker_away_until = 0.0

    async def announce(self, job: Submission) -> None:
        """Publish `queued`, then send the record; each within its budget. Never raises.

        One after the other: were they concurrent, the first stage could publish before `queued`.
        """
        await self.open(job)
        if time.monotonic() < self._broker_away_until:
            _SENT.labels("left").inc()
            return
        if await self.send(job):
            self._acknowledged.append(job.job_id)
            self._failures = 0
            return
        self._failures += 1
        if self._failures >= FAILURES_BEFORE_PAUSE:
            self._broker_away_until = time.monotonic() + self._settings.broker_pause_seconds

    async def open(self, job: Submission) -> None:
        """Publish whose the job is and that it is queued. Repeating it changes nothing."""
        job_id = str(job.job_id)
        queued = ProgressEvent(
            job_id=job_id, stage="queued", status="started", traceparent=job.traceparent
        )
        try:
            async with asyncio.timeout(self._settings.announce_seconds):
                await self._publisher.open_job(
                    job_id,
                    domain="scan",
                    user_id=str(job.user_id),
                    traceparent=job.traceparent,
                    events=(queued,),
                )
        except (ProgressUnavailable, TimeoutError) as error:
            log.repeated("queued was not published", job_id=job_id, error=str(error))

    async def send(self, job: Submission) -> bool:
        """Send the record; False when it was not acknowledged in time (it may arrive yet)."""
        try:
            await self._producer.send(
                SCAN_VISION,
                str(job.job_id),
                job.task(),
                headers={TRACEPARENT: job.traceparent} if job.traceparent else {},
                deadline=job.deadline_at.timestamp(),
                timeout_seconds=self._settings.announce_seconds,
            )
        except DeliveryError as error:
            _SENT.labels("failed").inc()
            log.repeated("record not acknowledged", job_id=str(job.job_id), error=str(error))
            return False
        _SENT.labels("acknowledged").inc()
        return True

    async def run(self) -> None:
        """Mark acknowledged jobs, many at a time, until cancelled.

        Losing the marks in a crash only means that the sweeper sends these records once more.
        """
        while True:
            await asyncio.sleep(self._settings.dispatch_flush_seconds)
            try:
                await self.flush()
            except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
                log.warning("acknowledged jobs could not be marked", error=str(error))
                await asyncio.sleep(FLUSH_FAILED_PAUSE_SECONDS)

    async def flush(self) -> None:
        """Mark what was acknowledged since the last time."""
        if not self._acknowledged:
            return
        batch, self._acknowledged = self._acknowledged, []
        try:
            await self._store.mark_dispatched(batch)
        except BaseException:
            self._acknowledged += batch
            raise

    async def close(self) -> None:
        """Mark the last ones, when no more calls are served."""
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self.flush()
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
            log.warning("acknowledged jobs could not be marked", error=str(error))
