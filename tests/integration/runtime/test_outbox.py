from __future__ import annotations

import asyncio
import math
import uuid
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress

import asyncpg
import pytest
import pytest_asyncio
from prometheus_client import REGISTRY

from services.runtime import outbox as outbox_module
from services.runtime import outbox_relay
from services.runtime.leadership import lock_key
from services.runtime.outbox import Message, Outbox
from services.runtime.outbox_relay import Relay
from tests.wait import until

pytestmark = pytest.mark.parts

TABLE = """
CREATE TABLE outbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    topic text NOT NULL, key text NOT NULL, payload bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(), claimed_until timestamptz NOT NULL
);
CREATE INDEX outbox_by_key ON outbox (topic, key, id);
"""


class Broker:
    """A broker that can be away, refuse a topic, or be slow."""

    def __init__(self) -> None:
        self.away = False
        self.refused: set[str] = set()
        self.ready = asyncio.Event()
        self.ready.set()
        self.taken: dict[str, list[bytes]] = defaultdict(list)

    async def send(self, message: Message, timeout_seconds: float) -> None:
        await self.ready.wait()
        if self.away or message.topic in self.refused:
            raise ConnectionError("away")
        self.taken[message.key].append(message.payload)


class Domain:
    """A schema with an outbox, and processes that share it."""

    def __init__(self, url: str) -> None:
        self.name = f"o{uuid.uuid4().hex[:8]}"
        self.url = url
        self.broker = Broker()
        self.stack = AsyncExitStack()

    async def pool(self) -> asyncpg.Pool:
        pool = await asyncpg.create_pool(
            self.url, min_size=0, max_size=4, server_settings={"search_path": self.name}
        )
        self.stack.push_async_callback(_terminated, pool)
        return pool

    async def process(self) -> Outbox:
        """A process without a relay."""
        made = Outbox(self.name, await self.pool(), self.broker.send)
        self.stack.push_async_callback(made.close)
        return made

    @asynccontextmanager
    async def relaying(self) -> AsyncIterator[asyncio.Task[None]]:
        """A process with a relay; cancelled at the end as a killed one would be."""
        task = asyncio.create_task(Relay(self.name, await self.pool(), self.broker.send).run())
        try:
            yield task
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def pending(self) -> int:
        connection = await asyncpg.connect(self.url, server_settings={"search_path": self.name})
        try:
            return int(await connection.fetchval("SELECT count(*) FROM outbox"))
        finally:
            await connection.close()

    async def drained(self) -> bool:
        return await self.pending() == 0


async def _terminated(pool: asyncpg.Pool) -> None:
    pool.terminate()


@pytest_asyncio.fixture
async def domain(postgres_url: str) -> AsyncIterator[Domain]:
    made = Domain(postgres_url)
    connection = await asyncpg.connect(postgres_url)
    await connection.execute(f"CREATE SCHEMA {made.name}; SET search_path = {made.name}; {TABLE}")
    try:
        async with made.stack:
            yield made
    finally:
        await connection.execute(f"DROP SCHEMA {made.name} CASCADE")
        await connection.close()


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox_module, "CLAIM_SECONDS", 0.5)
    monkeypatch.setattr(outbox_module, "AWAY_SECONDS", 0.1)
    monkeypatch.setattr(outbox_relay, "RETRY_SECONDS", 0.02)
    monkeypatch.setattr(outbox_relay, "POLL_SECONDS", 0.1)
    monkeypatch.setattr(outbox_relay, "STANDBY_SECONDS", 0.1)


async def say(outbox: Outbox, *messages: Message) -> bool:
    """Commit messages, then publish them."""
    async with outbox._pool.acquire() as connection, connection.transaction():
        entries = await outbox.add(connection, messages)
    return await outbox.publish(entries)


def numbered(key: str, *numbers: int) -> list[Message]:
    return [Message("t", key, b"%d" % number) for number in numbers]


async def test_what_is_committed_is_sent_at_once_and_forgotten(domain: Domain) -> None:
    outbox = await domain.process()
    assert await say(outbox, *numbered("a", 1, 2), *numbered("b", 3))
    assert domain.broker.taken == {"a": [b"1", b"2"], "b": [b"3"]}
    await until(domain.drained)


async def test_what_is_rolled_back_was_never_said(domain: Domain) -> None:
    outbox = await domain.process()
    async with outbox._pool.acquire() as connection:
        transaction = connection.transaction()
        await transaction.start()
        await outbox.add(connection, numbered("a", 1))
        await transaction.rollback()
    async with domain.relaying():
        assert await say(outbox, *numbered("a", 2))
    assert domain.broker.taken == {"a": [b"2"]}


async def test_the_relay_sends_what_the_broker_missed_in_the_order_of_each_key(
    domain: Domain,
) -> None:
    outbox = await domain.process()
    domain.broker.away = True
    async with domain.relaying(), domain.relaying():
        for number in range(20):
            assert not await say(outbox, *numbered(f"k{number % 4}", number))
        domain.broker.away = False
        await until(domain.drained)
    for key in range(4):
        expected = [b"%d" % number for number in range(key, 20, 4)]
        assert domain.broker.taken[f"k{key}"] == expected


async def test_a_notification_wakes_the_relay(
    domain: Domain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox_relay, "POLL_SECONDS", 60.0)
    outbox = await domain.process()
    async with domain.relaying():
        await until(lambda: _leading(domain))
        domain.broker.refused.add("t")
        task = asyncio.create_task(say(outbox, *numbered("a", 1)))
        await task
        domain.broker.refused.clear()
        await until(domain.drained, within_seconds=5)


async def test_the_relay_sends_for_a_process_that_died_after_its_commit(domain: Domain) -> None:
    outbox = await domain.process()
    async with outbox._pool.acquire() as connection, connection.transaction():
        await outbox.add(connection, numbered("a", 1))
    async with domain.relaying():
        await until(domain.drained)
    assert domain.broker.taken == {"a": [b"1"]}


async def test_a_later_message_waits_for_an_earlier_one_of_its_key(
    domain: Domain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox_module, "CLAIM_SECONDS", 60.0)
    outbox, other = await domain.process(), await domain.process()
    domain.broker.ready.clear()
    async with outbox._pool.acquire() as connection, connection.transaction():
        first = await outbox.add(connection, numbered("a", 1))
    sending = asyncio.create_task(outbox.publish(first))
    async with domain.relaying():
        assert not await say(other, *numbered("a", 2))
        domain.broker.ready.set()
        await sending
        await until(domain.drained)
    assert domain.broker.taken == {"a": [b"1", b"2"]}


async def test_a_record_nobody_takes_holds_up_nothing_else(domain: Domain) -> None:
    outbox = await domain.process()
    domain.broker.refused.add("poison")
    await say(outbox, Message("poison", "p", b"x"))
    domain.broker.away = True
    await say(outbox, *numbered("a", 1), *numbered("b", 2))
    domain.broker.away = False
    async with domain.relaying():
        await until(lambda: len(domain.broker.taken) == 2)
        assert await domain.pending() >= 1
        domain.broker.refused.clear()
        await until(domain.drained)


async def test_another_replica_relays_when_the_leader_dies(domain: Domain) -> None:
    outbox = await domain.process()
    async with AsyncExitStack() as stack:
        leader = await stack.enter_async_context(domain.relaying())
        await until(lambda: _leading(domain))
        await stack.enter_async_context(domain.relaying())
        domain.broker.away = True
        await say(outbox, *numbered("a", 1))
        leader.cancel()
        domain.broker.away = False
        await until(domain.drained)
    assert domain.broker.taken == {"a": [b"1"]}


async def test_the_relay_goes_on_when_its_connection_was_cut(domain: Domain) -> None:
    outbox = await domain.process()
    async with domain.relaying():
        await until(lambda: _leading(domain))
        connection = await asyncpg.connect(domain.url)
        cut = await connection.fetchval(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_locks WHERE granted "
            "AND locktype = 'advisory' AND (classid::bigint << 32) | objid::bigint = $1",
            lock_key(f"{domain.name}.outbox"),
        )
        await connection.close()
        assert cut == 1
        domain.broker.away = True
        await say(outbox, *numbered("a", 1))
        domain.broker.away = False
        await until(domain.drained)
    assert domain.broker.taken == {"a": [b"1"]}


async def test_a_slow_broker_keeps_the_caller_waiting_for_a_moment_only(
    domain: Domain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox_module, "ANSWER_SECONDS", 0.05)
    monkeypatch.setattr(outbox_module, "CLAIM_SECONDS", 60.0)
    outbox = await domain.process()
    domain.broker.ready.clear()
    assert not await say(outbox, *numbered("a", 1))
    assert not domain.broker.taken
    domain.broker.ready.set()
    await outbox.close()
    assert domain.broker.taken == {"a": [b"1"]}
    await until(domain.drained)


async def test_the_leader_tells_how_much_waits_and_since_when(domain: Domain) -> None:
    outbox = await domain.process()
    domain.broker.away = True
    await say(outbox, *numbered("a", 1), *numbered("b", 2))
    assert math.isnan(_gauge("outbox_pending", domain) or math.nan)
    async with domain.relaying():
        await until(lambda: _gauge("outbox_pending", domain) == 2)
        await until(lambda: (_gauge("outbox_lag_seconds", domain) or 0) > 0.2)
        domain.broker.away = False
        await until(lambda: _gauge("outbox_pending", domain) == 0)
    assert _gauge("outbox_lag_seconds", domain) == 0


def _gauge(name: str, domain: Domain) -> float | None:
    return REGISTRY.get_sample_value(name, {"outbox": domain.name})


async def _leading(domain: Domain) -> bool:
    """Whether some relay of the domain holds the lock and listens."""
    key = lock_key(f"{domain.name}.outbox")
    connection = await asyncpg.connect(domain.url)
    try:
        if await connection.fetchval("SELECT pg_try_advisory_lock($1)", key):
            return False
        return not math.isnan(_gauge("outbox_pending", domain) or math.nan) or (
            _gauge("outbox_pending", domain) == 0
        )
    finally:
        await connection.close()
