"""An ended session opens nothing within a second, at every replica, whatever has been away."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
import pytest_asyncio
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions
from aiokafka.errors import KafkaError

from mesh.local.ephemeral import EphemeralParts
from streaming.kafka.admin import ensure_topics
from streaming.kafka.topics import AUTH_REVOCATIONS
from tests.integration.authz.replica import Issuer, Replica, replica
from tests.wait import until

pytestmark = pytest.mark.parts

REVOKED = (401, "TOKEN_REVOKED")
UNKNOWN = (503, "AUTHORIZATION_UNAVAILABLE")
PASSES = (200, "")


@pytest_asyncio.fixture(scope="module")
async def replicas(environ: dict[str, str]) -> AsyncIterator[tuple[Replica, Replica]]:
    """Two that are ready."""
    async with replica(environ) as one, replica(environ) as two:
        for each in (one, two):
            await until(each.ready, what="a replica")
        yield one, two


@contextmanager
def frozen_broker(parts: EphemeralParts) -> Iterator[None]:
    """A broker that does not answer."""
    os.kill(parts.pid("kafka"), signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(parts.pid("kafka"), signal.SIGCONT)


async def refused(one: Replica, token: str) -> bool:
    status = await one.status(token)
    assert status in (PASSES, REVOKED)
    return status == REVOKED


async def test_end_of_a_session_reaches_every_replica_at_once(
    replicas: tuple[Replica, Replica], issuer: Issuer
) -> None:
    delays = []
    for _ in range(30):
        session_id, token = issuer.session()
        for each in replicas:
            assert await each.status(token) == PASSES
        await issuer.end(session_id)
        told = time.monotonic()
        for each in replicas:
            await until(lambda e=each, t=token: refused(e, t), every_seconds=0.002)  # type: ignore[misc]
        delays.append(time.monotonic() - told)
    assert sorted(delays)[len(delays) // 2] < 0.5, delays


async def test_a_restarted_replica_knows_what_ended_before(
    environ: dict[str, str], issuer: Issuer
) -> None:
    gone = [issuer.session() for _ in range(20)]
    for session_id, _ in gone:
        await issuer.end(session_id)
    _, alive = issuer.session()
    async with replica(environ) as fresh:
        seen = set()
        while not await fresh.ready():
            seen.add(await fresh.status(gone[0][1]))
        assert seen <= {UNKNOWN, REVOKED}, "nobody passes before everything is known"
        assert {await fresh.status(token) for _, token in gone} == {REVOKED}
        assert await fresh.status(alive) == PASSES


async def test_a_replica_without_its_topic_refuses_until_it_has_one(
    parts: EphemeralParts, environ: dict[str, str], issuer: Issuer
) -> None:
    topic = replace(AUTH_REVOCATIONS, name="auth.revocations.late", partitions=1)
    session_id, token = issuer.session()
    async with replica(environ, topic) as waiting:
        await until(lambda: _is(waiting, token, UNKNOWN))
        assert not await waiting.ready()
        await ensure_topics(parts.kafka_bootstrap, topics=[topic])
        await until(waiting.ready)
        assert await waiting.status(token) == PASSES
        await issuer.end(session_id, topic)
        await until(lambda: refused(waiting, token))


async def test_new_partitions_are_read(
    parts: EphemeralParts, environ: dict[str, str], issuer: Issuer
) -> None:
    topic = replace(AUTH_REVOCATIONS, name="auth.revocations.growing", partitions=1)
    await ensure_topics(parts.kafka_bootstrap, topics=[topic])
    session_id, token = issuer.session()
    async with replica(environ, topic) as growing:
        await until(growing.ready)
        admin = AIOKafkaAdminClient(bootstrap_servers=parts.kafka_bootstrap)
        await admin.start()
        await admin.create_partitions({topic.name: NewPartitions(3)})
        await admin.close()
        parts_known = issuer.producer.partitions_for

        async def grown() -> bool:
            return len(await parts_known(topic.name)) == 3

        await until(grown)
        await issuer.end(session_id, topic, partition=2)
        await until(lambda: refused(growing, token), within_seconds=20)


async def test_a_record_that_cannot_be_read_still_ends_the_session_in_its_key(
    replicas: tuple[Replica, Replica], issuer: Issuer
) -> None:
    for value in (b"\xff\xff\xff", b"", b"\x0a\x02xx"):
        session_id, token = issuer.session()
        await issuer.producer.send_and_wait(AUTH_REVOCATIONS.name, value, session_id.encode())
        await until(lambda t=token: refused(replicas[0], t))  # type: ignore[misc]
    for key in (b"nobody", b"\xff"):
        await issuer.producer.send_and_wait(AUTH_REVOCATIONS.name, b"\xff", key)
    session_id, token = issuer.session()
    await issuer.end(session_id)
    await until(lambda: refused(replicas[0], token))


async def test_what_is_known_holds_while_the_broker_is_away_but_not_for_ever(
    parts: EphemeralParts, environ: dict[str, str], issuer: Issuer
) -> None:
    patience = {"ECO2_AUTHZ_MAX_STALENESS_SECONDS": "3"}
    session_id, token = issuer.session()
    late_id, late = issuer.session()
    _, alive = issuer.session()
    await issuer.end(session_id)
    async with replica(environ | patience) as one:
        await until(one.ready)
        with frozen_broker(parts):
            assert await one.status(alive) == PASSES
            assert await one.status(token) == REVOKED
            await until(lambda: one.sessions.staleness() > 1.5)
            known, asked = await one.status(alive), one.sessions.staleness()
            assert known == PASSES or asked > 3, "as long as it is not too old"
            await until(lambda: _is(one, alive, UNKNOWN))
            assert one.sessions.staleness() > 3
            assert await one.status(token) == REVOKED
            assert not await one.ready()
        await until(lambda: _is(one, alive, PASSES), within_seconds=30)
        await until(lambda: ended(issuer, late_id), within_seconds=30, what="the producer")
        await until(lambda: refused(one, late))


async def ended(issuer: Issuer, session_id: str) -> bool:
    """Whether the broker took the end of a session."""
    try:
        await issuer.end(session_id)
    except KafkaError:
        return False
    return True


async def _is(one: Replica, token: str, status: tuple[int, str]) -> bool:
    return await one.status(token) == status
