"""Waiting for the end of turns, told by PostgreSQL.

A trigger notifies when a turn ends that somebody waits for, whichever process ends it. Each process
listens on one connection. Notifications are lost while it is away, so whoever waits looks by itself
every few seconds as well.
"""

from __future__ import annotations

import asyncio
import uuid
from contextlib import suppress
from typing import Any, Final

import asyncpg

from services.runtime import logs
from services.runtime.pool import Pool

log = logs.get(__name__)

CHANNEL: Final = "chat_turn_ended"
LOOK_SECONDS: Final = 3.0
"""How often a turn is looked at although nothing was heard of it."""
RECONNECT_SECONDS: Final = 1.0


class EndedTurns:
    """Wakes those who wait. :meth:`run` must run beside it."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._waiting: dict[str, asyncio.Event] = {}

    def expect(self, job_id: uuid.UUID) -> None:
        """Listen for the end of a turn from now on; :meth:`forget` it in the end."""
        self._waiting[str(job_id)] = asyncio.Event()

    def forget(self, job_id: uuid.UUID) -> None:
        """Listen no longer."""
        self._waiting.pop(str(job_id), None)

    async def heard(self, job_id: uuid.UUID) -> None:
        """Return when an expected turn has ended, or after a while without news."""
        event = self._waiting[str(job_id)]
        with suppress(TimeoutError):
            async with asyncio.timeout(LOOK_SECONDS):
                await event.wait()
        event.clear()

    async def run(self) -> None:
        """Listen until cancelled."""
        while True:
            try:
                async with self._pool.acquire() as connection:
                    await self._listen(connection)
            except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
                log.warning("ends of turns are not heard of", error=str(error))
            await asyncio.sleep(RECONNECT_SECONDS)

    async def _listen(self, connection: asyncpg.Connection) -> None:
        gone = asyncio.Event()
        connection.add_termination_listener(lambda _: gone.set())
        try:
            await connection.add_listener(CHANNEL, self._notified)
            for event in self._waiting.values():  # what ended while nobody listened
                event.set()
            await gone.wait()
        finally:
            with suppress(asyncpg.InterfaceError):  # it does not go back with its listener
                connection.terminate()

    def _notified(self, _connection: Any, _pid: int, _channel: str, job_id: str) -> None:
        event = self._waiting.get(job_id)
        if event is not None:
            event.set()
