"""Forgets what nobody needs any more: sessions without a valid token, and old records.

One leader among the replicas does it. A session is kept for a while after its last token, so that
the records tell how it ended.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import asyncpg

from services.auth.settings import AuthSettings
from services.runtime import logs
from services.runtime.database import affected
from services.runtime.leadership import lead
from services.runtime.pool import Pool

log = logs.get(__name__)

LOCK: Final = "auth.sweeper"
EVERY_SECONDS: Final = 3600.0
BATCH: Final = 5_000

_QUERIES: Final = {
    "sessions": "DELETE FROM sessions WHERE id IN (SELECT id FROM sessions "
    "WHERE tokens_expire_at < $1 ORDER BY tokens_expire_at LIMIT $2)",
    "login_audits": "DELETE FROM login_audits WHERE id IN (SELECT id FROM login_audits "
    "WHERE issued_at < $1 ORDER BY id LIMIT $2)",
    "session_audits": "DELETE FROM session_audits WHERE id IN (SELECT id FROM session_audits "
    "WHERE at < $1 ORDER BY id LIMIT $2)",
}


class Sweeper:
    """One pass an hour, in the one process that leads."""

    def __init__(self, pool: Pool, settings: AuthSettings) -> None:
        self._pool = pool
        self._kept = {
            "sessions": timedelta(days=settings.ended_session_days),
            "login_audits": timedelta(days=settings.login_audit_days),
            "session_audits": timedelta(days=settings.login_audit_days),
        }

    async def run(self) -> None:
        """Sweep until cancelled, whenever this process leads."""
        await lead(self._pool, LOCK, self._pass, every_seconds=EVERY_SECONDS)

    async def _pass(self, connection: asyncpg.Connection) -> None:
        await self.sweep(connection, await connection.fetchval("SELECT now()"))

    async def sweep(self, connection: asyncpg.Connection, now: datetime) -> dict[str, int]:
        """One pass, in small bites; how many rows of each table went."""
        gone: dict[str, int] = {}
        for table, query in _QUERIES.items():
            gone[table] = 0
            while True:
                done = await connection.execute(query, now - self._kept[table], BATCH)
                count = affected(done)
                gone[table] += count
                if count < BATCH:
                    break
        if any(gone.values()):
            log.info("old sessions and records removed", **gone)
        return gone
