"""2,000 steps of the session machine on stores in memory. For more, as once before a release:

ECO2_TEST_STEPS=50000 pytest tests/unit/auth/test_session_machine.py
"""

from __future__ import annotations

import asyncio
import functools
import os
from collections.abc import Coroutine, Iterator, Sequence
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from services.auth import keyring, keys
from services.auth.keyring import Keyring
from services.auth.lifecycle import Sessions
from services.auth.logout import Logout
from services.auth.settings import AuthSettings
from services.runtime.outbox import Entry, Message
from tests.unit.auth.doubles import Clock, Generated, MemoryKeys, MemorySessions
from tests.unit.auth.session_machine import Replica, SessionMachine

T = TypeVar("T")

STEPS = int(os.environ.get("ECO2_TEST_STEPS", "2000"))
STORY = 50


class MemoryWorld:
    """Two replicas on stores in memory."""

    def __init__(self, runner: asyncio.Runner) -> None:
        self.runner = runner

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    def reset(self, settings: AuthSettings) -> None:
        self.clock = Clock()
        self.published: list[Message] = []
        sessions, stored, generated = MemorySessions(), MemoryKeys(), Generated()
        self.replicas = []
        for _ in range(2):
            ring = Keyring(settings, stored, clock=self.clock, generate=generated)
            made = Sessions(settings, sessions, ring, self.publish, clock=self.clock)
            self.replicas.append(Replica(made, ring, Logout(settings, made, self.never)))

    async def publish(self, entries: Sequence[Entry]) -> bool:
        self.published += [entry.message for entry in entries]
        return True

    async def never(self, message: Message, timeout_seconds: float) -> None:
        raise AssertionError("nothing is sent beside the outbox")


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as made:
        yield made


def test_no_story_breaks_a_promise(runner: asyncio.Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyring, "UNKNOWN_SECONDS", 0.0)
    # The same few keys are read in every story, which took a third of the time.
    monkeypatch.setattr(keys, "parse", functools.cache(keys.parse))

    class Machine(SessionMachine):
        world = MemoryWorld(runner)

    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=1 + STEPS * 13 // (10 * STORY),  # a story may end before its last step
            stateful_step_count=STORY,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    assert Machine.steps >= STEPS
