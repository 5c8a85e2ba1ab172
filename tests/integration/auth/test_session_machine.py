"""The session machine on PostgreSQL: the same stories, fewer of them."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from typing import Any, TypeVar

import asyncpg
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from mesh.local.ephemeral import EphemeralParts
from services.auth import keyring
from services.auth.key_store import KeyStore
from services.auth.keyring import Keyring
from services.auth.lifecycle import Sessions
from services.auth.logout import Logout
from services.auth.settings import AuthSettings
from services.auth.store import SessionStore
from services.runtime.outbox import Message, Outbox
from tests.serving import migrated
from tests.unit.auth.doubles import Clock, Generated
from tests.unit.auth.session_machine import Replica, SessionMachine

pytestmark = pytest.mark.parts

T = TypeVar("T")


class PostgresWorld:
    """Two replicas with pools of their own on one database, in a loop of their own."""

    def __init__(self, runner: asyncio.Runner, url: str) -> None:
        self.runner = runner
        self.pools = [self.run(self.pool(url)) for _ in range(2)]
        self.outboxes: list[Outbox] = []

    async def pool(self, url: str) -> asyncpg.Pool:
        return await asyncpg.create_pool(
            url, min_size=0, max_size=4, server_settings={"search_path": "auth"}
        )

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    def reset(self, settings: AuthSettings) -> None:
        self.close_outboxes()
        tables = "sessions, login_audits, session_audits, signing_keys, outbox"
        self.run(self.pools[0].execute(f"TRUNCATE {tables}"))
        self.clock = Clock()
        self.published: list[Message] = []
        self.replicas = []
        generated = Generated()
        for pool in self.pools:
            outbox = Outbox("auth", pool, self.send)
            self.outboxes.append(outbox)
            keys = Keyring(settings, KeyStore(pool), clock=self.clock, generate=generated)
            store = SessionStore(pool, outbox)
            made = Sessions(settings, store, keys, outbox.publish, clock=self.clock)
            self.replicas.append(Replica(made, keys, Logout(settings, made, self.never)))

    def close_outboxes(self) -> None:
        while self.outboxes:
            self.run(self.outboxes.pop().close())

    async def send(self, message: Message, timeout_seconds: float) -> None:
        self.published.append(message)

    async def never(self, message: Message, timeout_seconds: float) -> None:
        raise AssertionError("nothing is sent beside the outbox")

    def close(self) -> None:
        self.close_outboxes()
        for pool in self.pools:
            pool.terminate()


@pytest.fixture
def world(parts: EphemeralParts) -> Iterator[PostgresWorld]:
    url = parts.postgres_url("auth_machine")
    with asyncio.Runner() as runner:
        runner.run(migrated(url))
        made = PostgresWorld(runner, url)
        yield made
        made.close()


def test_no_story_breaks_a_promise_on_postgres(
    world: PostgresWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keyring, "UNKNOWN_SECONDS", 0.0)

    class Machine(SessionMachine):
        pass

    Machine.world = world
    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=8,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    assert Machine.steps >= 150
