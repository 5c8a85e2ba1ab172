"""Keeps the three places of the catalogue in step: PostgreSQL, the topic, and this process.

PostgreSQL is the truth. The topic is what replicas start from; whatever it lacks (it is new, was
lost, or an old statement was sent once more after a newer one) is stated again by the replica that
leads. A process that can't read the topic when it starts reads PostgreSQL, and when that is away,
too, goes by the release's catalogue until it hears better.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, Final

import asyncpg

from services.character.live import LiveCatalogue
from services.character.store import CatalogueStore
from services.runtime import logs
from services.runtime.leadership import lead
from services.runtime.outbox import Entry
from services.runtime.pool import Pool

log = logs.get(__name__)

LOCK: Final = "character.catalogue"

_DATABASE_AWAY: Final = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError)


class Keeper:
    """The background work of the catalogue."""

    def __init__(
        self,
        live: LiveCatalogue,
        store: CatalogueStore,
        pool: Pool,
        publish: Callable[[Sequence[Entry]], Awaitable[object]],
        *,
        wait_seconds: float,
        repair_seconds: float,
    ) -> None:
        self._live = live
        self._store = store
        self._pool = pool
        self._publish = publish
        self._wait_seconds = wait_seconds
        self._repair_seconds = repair_seconds
        self._released = live.current
        self._settled = False

    async def check(self) -> None:
        """Raise until it is clear which catalogue this process starts with."""
        if not (self._settled or self._live.caught_up.is_set()):
            raise ConnectionError("the catalogue has not been read yet")

    async def follow(self, read: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Read the topic for ever with `read`, and do without it when it takes too long."""
        reading = asyncio.create_task(read())
        try:
            await self._start()
            await reading
        finally:
            reading.cancel()

    async def _start(self) -> None:
        """Settle what this process starts with."""
        try:
            async with asyncio.timeout(self._wait_seconds):
                await self._live.caught_up.wait()
        except TimeoutError:
            try:
                self._live.learn(await self._store.stated())
                log.warning("the topic can't be read; the catalogue is that of the database")
            except _DATABASE_AWAY as error:
                log.warning(
                    "neither topic nor database can be read; the catalogue is the last one known",
                    error=type(error).__name__,
                )
        self._settled = True

    async def lead(self) -> None:
        """Seed the database and repair the topic for ever, whenever this process leads."""
        await lead(self._pool, LOCK, self.repair, every_seconds=self._repair_seconds)

    async def repair(self, connection: asyncpg.Connection) -> None:
        """One pass: write the release's catalogue to a database without one, then state again what
        the topic lacks.
        """
        seeded = await self._store.sync(self._released.characters, only_first=True)
        if seeded.entries:
            log.info("the catalogue was made from the release's", revision=seeded.revision)
            self._live.learn(seeded.stated)
            await self._publish(seeded.entries)
            return
        if not self._live.caught_up.is_set():
            return
        known = self._live.in_topic
        codes = {
            each.character.code
            for each in await self._store.stated()
            if known.get(each.character.code) != each.revision
        }
        if codes:
            entries = await self._store.state_again(connection, codes)
            if entries:
                log.warning("the topic lacked characters", characters=len(entries))
                await self._publish(entries)
