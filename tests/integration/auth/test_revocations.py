from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import pytest
import pytest_asyncio
from aiokafka import AIOKafkaConsumer, TopicPartition
from eco2.auth.v1 import auth_service_pb2 as pb
from eco2.pipeline.v1.identity_events_pb2 import SessionRevoked

from mesh.local.ephemeral import EphemeralParts
from services.auth.app import build as build_auth
from services.auth.store import SessionStore
from services.character.app import build as build_character
from services.runtime.component import Component
from services.runtime.context import ProcessContext
from services.users.app import build as build_users
from streaming.kafka import headers as h
from streaming.kafka.admin import ensure_topics
from streaming.kafka.topics import AUTH_REVOCATIONS
from tests.integration.auth.client import Client
from tests.serving import migrated, serving
from tests.wait import until

pytestmark = pytest.mark.parts


class Topic:
    """Follows auth.revocations."""

    def __init__(self) -> None:
        self.seen: dict[str, list[SessionRevoked]] = {}
        self.when: dict[str, float] = {}

    async def follow(self, bootstrap: str) -> None:
        consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap)
        await consumer.start()
        try:
            name = AUTH_REVOCATIONS.name
            places = [TopicPartition(name, n) for n in range(AUTH_REVOCATIONS.partitions)]
            consumer.assign(places)
            await consumer.seek_to_end()  # other tests say other things here
            async for record in consumer:
                event = SessionRevoked.FromString(record.value)
                assert record.key.decode() == event.session_id
                assert h.decode(record.headers)[h.SCHEMA] == AUTH_REVOCATIONS.message
                self.seen.setdefault(event.session_id, []).append(event)
                self.when.setdefault(event.session_id, time.monotonic())
        finally:
            await consumer.stop()


@pytest_asyncio.fixture(scope="module")
async def world(parts: EphemeralParts) -> AsyncIterator[tuple[Client, Topic]]:
    """The auth domain with its background work, and a reader of what it says."""
    bootstrap = parts.kafka_bootstrap
    await ensure_topics(bootstrap, topics=[AUTH_REVOCATIONS])
    url = parts.postgres_url("auth_revocations")
    environ = parts.environ | await migrated(url) | {"ECO2_KEY_PUBLISH_SECONDS": "0"}
    background: list[asyncio.Task[None]] = []

    async def build(context: ProcessContext) -> Component:
        component = await build_auth(context)
        background.extend(asyncio.create_task(item.run()) for item in component.background)
        return component

    topic = Topic()
    async with serving((build, build_users, build_character), environ) as context:
        background.append(asyncio.create_task(topic.follow(bootstrap)))
        client = Client(context, url)
        try:
            await until(
                lambda: _seen_one(client, topic),
                within_seconds=30,
                every_seconds=0.2,
                what="producer and reader",
            )
            yield client, topic
        finally:
            for task in background:
                task.cancel()
            await asyncio.gather(*background, return_exceptions=True)


@asynccontextmanager
async def frozen(parts: EphemeralParts, part: str) -> AsyncIterator[None]:
    """A part that does not answer."""
    os.kill(parts.pid(part), signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(parts.pid(part), signal.SIGCONT)


async def _logged_out(client: Client) -> str:
    _, session = await client.sign_in()
    await client.logout((("cookie", f"s_refresh={session.refresh_token}"),))
    return str(session.session_id)


async def test_the_topic_is_as_the_catalogue_says(
    parts: EphemeralParts, world: tuple[Client, Topic]
) -> None:
    found = await ensure_topics(parts.kafka_bootstrap, topics=[AUTH_REVOCATIONS], check=True)
    assert found.drift == ()


async def test_a_logout_is_on_the_topic_when_it_is_answered(world: tuple[Client, Topic]) -> None:
    client, topic = world
    delays = []
    for _ in range(20):
        session_id = await _logged_out(client)
        answered = time.monotonic()
        await until(partial(topic.seen.__contains__, session_id), every_seconds=0.002)
        delays.append(topic.when[session_id] - answered)
    assert sorted(delays)[len(delays) // 2] < 0.5, delays


async def _seen_one(client: Client, topic: Topic) -> bool:
    """Whether producer and reader have both connected."""
    return await _logged_out(client) in topic.seen


async def test_a_logout_without_the_broker_is_told_as_soon_as_it_is_back(
    parts: EphemeralParts, world: tuple[Client, Topic]
) -> None:
    client, topic = world
    async with frozen(parts, "kafka"):
        started = time.monotonic()
        sessions = [await _logged_out(client) for _ in range(3)]
        assert time.monotonic() - started < 6
        assert not set(sessions) & set(topic.seen)
    back = time.monotonic()
    await until(lambda: set(sessions) <= set(topic.seen), every_seconds=0.01)
    assert max(topic.when[s] for s in sessions) - back < 3


async def test_a_logout_without_the_database_is_told_from_its_token(
    world: tuple[Client, Topic], monkeypatch: pytest.MonkeyPatch
) -> None:
    client, topic = world
    user_id, session = await client.sign_in()
    cookie = (("cookie", f"s_access={session.access_token}"),)
    ending = SessionStore.end

    async def away(*_: object) -> None:
        raise ConnectionRefusedError

    monkeypatch.setattr(SessionStore, "end", away)
    answer = await client.logout(cookie)
    assert len(answer.lines) == 2
    await until(lambda: session.session_id in topic.seen)
    told = topic.seen[session.session_id][0]
    assert (told.user_id, told.reason) == (user_id, "logout")
    assert told.expires_at.seconds >= session.refresh_expires_at.seconds

    monkeypatch.setattr(SessionStore, "end", ending)
    request = pb.ListSessionsRequest(user_id=user_id)

    async def ended() -> bool:
        return not (await client.auth.ListSessions(request)).sessions

    await until(ended)
