"""One leader among the processes of a domain, by a PostgreSQL session advisory lock.

The lock belongs to a connection, and so does the leader's work: what a tick writes goes through the
very connection that holds the lock. If that connection is gone, so is the lock, and the tick fails
instead of acting beside the next leader.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from contextlib import suppress

import asyncpg

from services.runtime import logs
from services.runtime.pool import Pool

log = logs.get(__name__)

Tick = Callable[[asyncpg.Connection], Awaitable[None]]
"""One pass of the leader's work; gets the connection that holds the lock."""


def lock_key(name: str) -> int:
    """The signed 64-bit advisory lock of a name; one number space for the whole database."""
    digest = hashlib.blake2b(name.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


async def lead(
    pool: Pool, name: str, tick: Tick, *, every_seconds: float, retry_seconds: float = 5.0
) -> None:
    """Run `tick` every `every_seconds` while this process leads; stand by otherwise. Never returns.

    A follower, and a leader that lost its database, tries again every `retry_seconds`. A tick that
    fails for another reason is logged and followed by the next one.
    """
    key = lock_key(name)
    while True:
        try:
            async with pool.acquire() as connection:
                if await connection.fetchval("SELECT pg_try_advisory_lock($1)", key):
                    log.info("leading", work=name)
                    await _term(connection, name, tick, every_seconds)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
            log.warning("not leading: the database is away", work=name, error=str(error))
        await asyncio.sleep(retry_seconds)


async def _term(
    connection: asyncpg.Connection, name: str, tick: Tick, every_seconds: float
) -> None:
    """Tick until the connection is gone. It ends with the term, and the lock with it."""
    try:
        while not connection.is_closed():
            try:
                await tick(connection)
            except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
                raise
            except Exception:
                log.exception("a pass failed", work=name)
            await asyncio.sleep(every_seconds)
    finally:
        with suppress(asyncpg.InterfaceError):  # the pool has taken a lost connection back already
            connection.terminate()
