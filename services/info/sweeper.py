"""Deletes old news, a bounded number at a time, in the one process that leads."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

import asyncpg
from prometheus_client import Counter

from services.info import store
from services.info.settings import InfoSettings
from services.info.warmer import Warmer
from services.runtime import logs
from services.runtime.leadership import lead
from services.runtime.pool import Pool

log = logs.get(__name__)

LOCK: Final = "info.sweeper"

_SWEPT: Final = Counter("news_articles_swept_total", "Articles deleted for their age.")


class Sweeper:
    """Keeps the news of the last ``news_keep_days``."""

    def __init__(self, pool: Pool, warmer: Warmer, settings: InfoSettings) -> None:
        self._pool = pool
        self._warmer = warmer
        self._settings = settings

    async def run(self) -> None:
        """Sweep until cancelled, whenever this process leads."""
        await lead(self._pool, LOCK, self.sweep, every_seconds=self._settings.news_sweep_seconds)

    async def sweep(self, connection: asyncpg.Connection) -> None:
        """One pass: delete what is old batch by batch, then have the cached feeds made anew."""
        if self._settings.news_keep_days == 0:
            return
        before = datetime.now(UTC) - timedelta(days=self._settings.news_keep_days)
        batch, total = self._settings.news_sweep_batch, 0
        while True:
            deleted = await store.delete_collected_before(connection, before, batch)
            total += deleted
            _SWEPT.inc(deleted)
            if deleted < batch:
                break
        if total:
            log.info("old news were deleted", count=total)
            await self._warmer.changed()
