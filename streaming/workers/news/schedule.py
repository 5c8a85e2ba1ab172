"""When collections happen: each source at its interval, one replica at a time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from redis.exceptions import RedisError

from services.runtime import logs
from streaming.workers.news.collecting import Collecting
from streaming.workers.news.ledger import Ledger
from streaming.workers.news.metrics import LAST, RUNS
from streaming.workers.news.source import CollectingError, Source

log = logs.get(__name__)

LOOK_SECONDS: Final = 5.0
"""How often a replica looks whether a source's turn has come; shorter for short intervals."""

RETRY_SECONDS: Final = 60.0
"""After a failed collection the next one begins this soon, when the interval is longer."""

ENDING_SECONDS: Final = 30.0
"""Added to the longest a collection may take: for cancelling it, and for telling Redis."""


class Schedule:
    """Runs the sources that are configured."""

    def __init__(self, sources: Sequence[Source], collecting: Collecting, ledger: Ledger) -> None:
        self._sources = [source for source in sources if source.configured]
        self._collecting = collecting
        self._ledger = ledger

    async def run(self) -> None:
        """Collect until cancelled."""
        if not self._sources:
            log.info("no news are collected: there is neither a key nor a feed")
            await asyncio.Event().wait()
        async with asyncio.TaskGroup() as group:
            for source in self._sources:
                group.create_task(self._follow(source), name=f"news-{source.name}")

    async def _follow(self, source: Source) -> None:
        log.info("collecting news", source=source.name, every_seconds=source.every_seconds)
        while True:
            try:
                await self._collect_in_turn(source)
            except (RedisError, OSError, TimeoutError) as error:
                log.warning(
                    "no news are collected: Redis is away",
                    source=source.name,
                    error=str(error) or type(error).__name__,
                )
            await asyncio.sleep(min(LOOK_SECONDS, source.every_seconds / 4))

    async def _collect_in_turn(self, source: Source) -> None:
        """Collect when it is time and nobody else does.

        The turn lasts as long as a collection may take, even where the interval is shorter, so that
        two replicas never ask one source at once; at its end it is cut to what is left of the
        interval. A replica that dies holds up the next one for a collection's time at the most.
        """
        longest = max(source.every_seconds, source.run_seconds + ENDING_SECONDS)
        token = await self._ledger.take_turn(source.name, longest)
        if token is None:
            return
        began = time.monotonic()
        if await self.collect(source):
            rest = source.every_seconds - (time.monotonic() - began)
        else:
            rest = min(RETRY_SECONDS, source.every_seconds)
        await self._ledger.end_turn(source.name, token, rest)

    async def collect(self, source: Source) -> bool:
        """One collection; whether it was done. Redis' own failures are the caller's."""
        try:
            report = await self._collecting.collect(source, datetime.now(UTC))
        except CollectingError as error:
            RUNS.labels(source.name, "failed").inc()
            log.warning("a collection failed", source=source.name, error=str(error))
            return False
        except (RedisError, OSError, asyncio.CancelledError):
            raise
        except Exception:
            RUNS.labels(source.name, "failed").inc()
            log.exception("a collection failed", source=source.name)
            return False
        RUNS.labels(source.name, "done").inc()
        LAST.labels(source.name).set_to_current_time()
        log.info(
            "collected news",
            source=source.name,
            found=report.found,
            inserted=report.inserted,
            updated=report.updated,
            refused=len(report.refusals),
        )
        return True
