"""The sweeper: no accepted turn stays where it is for ever.

One leader fails the turns that passed their deadline, lets those go on that waited for the user
long enough, and forgets what nobody asks for any more. Records that were not acknowledged are the
business of the outbox's relay.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import asyncpg
from eco2.errors.v1.error_reason_pb2 import ErrorReason

from services.chat import inputs, metrics, sweeps
from services.chat.settings import ChatSettings
from services.chat.state import Status
from services.runtime import idempotency, logs
from services.runtime.errors import meaning_of
from services.runtime.leadership import lead
from services.runtime.outbox import Outbox
from services.runtime.pool import Pool
from streaming.progress.endings import Endings

log = logs.get(__name__)

LOCK: Final = "chat.sweeper"
PURGED: Final = 50
"""Chats deleted for good in one pass; each may have thousands of messages."""
OVERDUE: Final = ErrorReason.ERROR_REASON_JOB_DEADLINE_EXCEEDED


class Sweeper:
    """One pass at a time, in the one process that leads."""

    def __init__(
        self, pool: Pool, outbox: Outbox, endings: Endings, settings: ChatSettings
    ) -> None:
        self._pool = pool
        self._outbox = outbox
        self._endings = endings
        self._settings = settings

    async def run(self) -> None:
        """Sweep until cancelled, whenever this process leads."""
        await lead(self._pool, LOCK, self.sweep, every_seconds=self._settings.chat_sweep_seconds)

    async def sweep(self, connection: asyncpg.Connection) -> None:
        """One pass."""
        await self._fail_overdue(connection)
        await self._expire(connection)
        await idempotency.purge(connection, timedelta(seconds=self._settings.idempotency_seconds))
        await sweeps.purge(
            connection,
            timedelta(seconds=self._settings.chat_once_kept_seconds),
            timedelta(seconds=self._settings.chat_deleted_kept_seconds),
            PURGED,
        )

    async def _fail_overdue(self, connection: asyncpg.Connection) -> None:
        meaning = meaning_of(OVERDUE)
        batch = self._settings.chat_sweep_batch
        while True:
            failed = await sweeps.fail_overdue(connection, meaning.name, batch)
            if failed:
                metrics.OVERDUE.inc(len(failed))
                metrics.ENDED.labels(Status.FAILED, meaning.name).inc(len(failed))
                log.warning("turns passed their deadline", count=len(failed))
                await self._endings.publish(failed, meaning.message_ko)
            if len(failed) < batch:
                return

    async def _expire(self, connection: asyncpg.Connection) -> None:
        lifetime = timedelta(seconds=self._settings.chat_turn_seconds)
        for job_id in await sweeps.expired(connection, self._settings.chat_sweep_batch):
            entries = await sweeps.expire(connection, self._outbox, job_id, lifetime)
            if entries:
                metrics.INPUTS.labels(inputs.EXPIRED).inc()
                await self._outbox.publish(entries)
