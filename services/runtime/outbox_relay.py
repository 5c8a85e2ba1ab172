"""The backstop of an outbox: sends what the process that wrote it could not, or did not live to."""

from __future__ import annotations

import asyncio
import math
import time
from collections import Counter as Tally
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

import asyncpg
from prometheus_client import Gauge

from services.runtime import logs
from services.runtime.leadership import lead
from services.runtime.outbox import (
    DELETE,
    Entry,
    Message,
    Send,
    by_key,
    channel_of,
    key_of,
    send_in_order,
)
from services.runtime.pool import Pool

log = logs.get(__name__)

POLL_SECONDS: Final = 1.0
RELAY_SEND_SECONDS: Final = 5.0
"""A relayed record waits for the brokers with the client, which sends it the moment they are back;
the budget only bounds how many copies gather there."""

RETRY_SECONDS: Final = 0.2
STANDBY_SECONDS: Final = 1.0
"""How often a follower tries to lead."""

BATCH: Final = 200

FRESH_SECONDS: Final = 15.0
"""The gauges of a process that has not led for so long say NaN."""

_PENDING = Gauge("outbox_pending", "Messages waiting, as the leader sees it.", ["outbox"])
_LAG = Gauge("outbox_lag_seconds", "Age of the oldest waiting message.", ["outbox"])

_DUE: Final = """
SELECT o.id, o.topic, o.key, o.payload FROM outbox o
 WHERE o.claimed_until <= clock_timestamp()
   AND NOT EXISTS (SELECT FROM outbox e
                    WHERE e.topic = o.topic AND e.key = o.key AND e.id < o.id
                      AND e.claimed_until > clock_timestamp())
 ORDER BY o.id LIMIT $1
"""

_MEASURE: Final = """
SELECT count(*) AS pending,
       coalesce(extract(epoch FROM clock_timestamp() - min(created_at)), 0)::float8 AS lag
  FROM outbox
"""


class Relay:
    """Relays the outbox of the schema that `pool` works in, in one of the processes that run it."""

    def __init__(self, name: str, pool: Pool, send: Send) -> None:
        self._name = name
        self._pool = pool
        self._send = send
        self._channel = channel_of(name)
        self._wake = asyncio.Event()
        self._listening: asyncpg.Connection | None = None
        self._failures: Tally[tuple[str, str]] = Tally()
        self._measured: tuple[float, float, float] = (-math.inf, math.nan, math.nan)
        _PENDING.labels(name).set_function(lambda: self._gauge(1))
        _LAG.labels(name).set_function(lambda: self._gauge(2))

    async def run(self) -> None:
        """Relay for ever, whenever this process leads."""
        await lead(
            self._pool,
            f"{self._name}.outbox",
            self._tick,
            every_seconds=0,
            retry_seconds=STANDBY_SECONDS,
        )

    async def _tick(self, connection: asyncpg.Connection) -> None:
        """Relay what is due, then wait for more."""
        if self._listening is not connection:
            await connection.add_listener(self._channel, lambda *_: self._wake.set())
            self._listening = connection
        self._wake.clear()
        if not await self._relay(connection):
            await asyncio.sleep(RETRY_SECONDS)
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(POLL_SECONDS):
                await self._wake.wait()

    async def _relay(self, connection: asyncpg.Connection) -> bool:
        """Send everything that is due; False when something could not be sent."""
        while True:
            measured = await connection.fetchrow(_MEASURE)
            self._measured = (time.monotonic(), measured["pending"], measured["lag"])
            rows = await connection.fetch(_DUE, BATCH)
            if not rows:
                return True
            groups = by_key(
                Entry(row["id"], Message(row["topic"], row["key"], row["payload"])) for row in rows
            )
            # The first alone: while the brokers are away one attempt at a time is enough. One that
            # failed lately goes last, so that a record nobody takes does not hold up the others.
            groups.sort(key=lambda group: self._failures[key_of(group[0])])
            sent = await self._relay_group(groups[0])
            if sent:
                for ids in await asyncio.gather(*map(self._relay_group, groups[1:])):
                    sent += ids
                await connection.execute(DELETE, sent)
            if len(sent) < len(rows):
                return False

    async def _relay_group(self, group: Sequence[Entry]) -> list[int]:
        sent = await send_in_order(self._send, self._name, "relay", group, RELAY_SEND_SECONDS)
        if len(sent) < len(group):
            self._failures[key_of(group[0])] += 1
        else:
            self._failures.pop(key_of(group[0]), None)
        return sent

    def _gauge(self, which: int) -> float:
        measured_at = self._measured[0]
        fresh = time.monotonic() - measured_at < FRESH_SECONDS
        return self._measured[which] if fresh else math.nan
