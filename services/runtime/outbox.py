"""The outbox of a domain: what it tells the world is written with what it changes, then sent.

A message is a row of the domain's table ``outbox``, inserted in the transaction that makes it true.
Straight after the commit the same process sends it (:meth:`Outbox.publish`) and deletes the row.
Whatever that could not send, or did not live to, :mod:`services.runtime.outbox_relay` sends: one
leader among the replicas, woken by NOTIFY and looking by itself every second.

What holds: every committed message is sent at least once. Messages of one key are first sent in
the order of their rows, provided that writers of a key exclude each other, as those do that lock
the row the key names; and a process sends directly only what has nothing of its key before it.
What does not: a record whose acknowledgement was lost may arrive a second time, also after a later
one of its key. Consumers must be idempotent.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import asyncpg
from prometheus_client import Counter

from services.runtime import logs
from services.runtime.pool import Pool

log = logs.get(__name__)

DIRECT_SEND_SECONDS: Final = 2.0
"""Budget of a direct send."""

CLAIM_SECONDS: Final = 4.0
"""How long the relay leaves a row to the process that wrote it: a direct send and deleting the row
fit in. It is also how long a message waits whose process died between commit and send."""

ANSWER_SECONDS: Final = 0.5
"""How long :meth:`Outbox.publish` keeps its caller waiting; the send goes on beside it."""

AWAY_SECONDS: Final = 1.0
"""After a direct send failed, later ones are left to the relay for so long."""

CLOSE_SECONDS: Final = 3.0

_DATABASE_AWAY: Final = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError)

_SENT = Counter("outbox_sent_total", "Messages sent and acknowledged.", ["outbox", "path"])
_FAILED = Counter(
    "outbox_send_failures_total", "Sends without acknowledgement.", ["outbox", "path"]
)

_ADD: Final = """
INSERT INTO outbox (topic, key, payload, claimed_until)
SELECT m.topic, m.key, m.payload,
       CASE WHEN EXISTS (SELECT FROM outbox o WHERE o.topic = m.topic AND o.key = m.key)
            THEN '-infinity'::timestamptz
            ELSE clock_timestamp() + make_interval(secs => $4) END
  FROM unnest($1::text[], $2::text[], $3::bytea[]) WITH ORDINALITY AS m (topic, key, payload, n)
 ORDER BY m.n
RETURNING id, claimed_until > '-infinity' AS claimed
"""

DELETE: Final = "DELETE FROM outbox WHERE id = ANY ($1::bigint[])"

_RELEASE: Final = """
WITH released AS (
    UPDATE outbox SET claimed_until = '-infinity' WHERE id = ANY ($1::bigint[])
)
SELECT pg_notify($2, '')
"""


@dataclass(frozen=True, slots=True)
class Message:
    """One record to be."""

    topic: str
    key: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class Entry:
    """A message in the table."""

    id: int
    message: Message
    claimed: bool = False
    """Whether the process that wrote it is to send it."""


Send = Callable[[Message, float], Awaitable[None]]
"""Sends a message and returns once it is acknowledged; raises when it was not within so many
seconds."""


class Outbox:
    """The outbox of the schema that `pool` works in; `name` is for logs, metrics and the lock."""

    def __init__(self, name: str, pool: Pool, send: Send) -> None:
        self._name = name
        self._pool = pool
        self._send = send
        self._channel = channel_of(name)
        self._tasks: set[asyncio.Task[Any]] = set()
        self._away_until = 0.0

    async def add(self, connection: asyncpg.Connection, messages: Sequence[Message]) -> list[Entry]:
        """Write messages within the transaction that is open on `connection`.

        Hand what it returns to :meth:`publish` when the transaction has been committed.
        """
        if not messages:
            return []
        rows = await connection.fetch(
            _ADD,
            [message.topic for message in messages],
            [message.key for message in messages],
            [message.payload for message in messages],
            CLAIM_SECONDS,
        )
        rows.sort(key=lambda row: row["id"])
        return [
            Entry(row["id"], message, row["claimed"])
            for row, message in zip(rows, messages, strict=True)
        ]

    async def publish(self, entries: Sequence[Entry]) -> bool:
        """Send committed entries straight away; whether all are acknowledged by now. Never raises.

        It returns after a short while in any case; what is not sent by then is sent later.
        """
        if not entries:
            return True
        task = self._spawn(self._publish(entries))
        done, _ = await asyncio.wait({task}, timeout=ANSWER_SECONDS)
        return bool(done) and not task.cancelled() and task.exception() is None and task.result()

    async def close(self) -> None:
        """Let direct sends come to their end, for a few seconds at the most."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=CLOSE_SECONDS)

    def _spawn(self, work: Coroutine[Any, Any, bool]) -> asyncio.Task[bool]:
        """Run `work` although its caller may go away."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _publish(self, entries: Sequence[Entry]) -> bool:
        ours = [entry for entry in entries if entry.claimed]
        sent: list[int] = []
        if time.monotonic() >= self._away_until:
            for ids in await asyncio.gather(*map(self._send_group, by_key(ours))):
                sent += ids
            if len(sent) < len(ours):
                self._away_until = time.monotonic() + AWAY_SECONDS
        left = sorted({entry.id for entry in entries} - set(sent))
        self._spawn(self._settle(sent, left))
        return not left

    async def _send_group(self, group: Sequence[Entry]) -> list[int]:
        return await send_in_order(self._send, self._name, "direct", group, DIRECT_SEND_SECONDS)

    async def _settle(self, sent: list[int], left: list[int]) -> bool:
        """Delete what was sent, and leave the rest to the relay."""
        try:
            if sent:
                await self._pool.execute(DELETE, sent)
            if left:
                await self._pool.execute(_RELEASE, left, self._channel)
        except _DATABASE_AWAY as error:
            # The claims run out by themselves: what was sent is sent once more.
            log.repeated("outbox not settled", outbox=self._name, error=type(error).__name__)
            return False
        return True


async def send_in_order(
    send: Send, name: str, path: str, entries: Sequence[Entry], budget_seconds: float
) -> list[int]:
    """Send entries of one key one after the other; the ids of those before the first failure."""
    sent: list[int] = []
    for entry in entries:
        try:
            await send(entry.message, budget_seconds)
        except Exception as error:
            _FAILED.labels(name, path).inc()
            log.repeated(
                "message not acknowledged",
                outbox=name,
                topic=entry.message.topic,
                error=str(error),
            )
            break
        _SENT.labels(name, path).inc()
        sent.append(entry.id)
    return sent


def channel_of(name: str) -> str:
    """Where the relay of an outbox is notified."""
    return f"{name}_outbox"


def key_of(entry: Entry) -> tuple[str, str]:
    """What orders an entry among others."""
    return entry.message.topic, entry.message.key


def by_key(entries: Iterable[Entry]) -> list[list[Entry]]:
    """Entries of each key, in their order."""
    groups: dict[tuple[str, str], list[Entry]] = {}
    for entry in entries:
        groups.setdefault(key_of(entry), []).append(entry)
    return list(groups.values())
