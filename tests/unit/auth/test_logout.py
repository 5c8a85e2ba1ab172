from __future__ import annotations

import asyncio
import uuid
from collections.abc import Sequence

import pytest
from eco2.pipeline.v1.identity_events_pb2 import SessionRevoked
from prometheus_client import REGISTRY

from services.auth import logout as logout_module
from services.auth.keyring import Keyring
from services.auth.lifecycle import Sessions
from services.auth.logout import Logout
from services.auth.settings import AuthSettings
from services.auth.store import Ended, Ending
from services.auth.visitor import Visitor
from services.runtime.outbox import Entry, Message
from tests.unit.auth.doubles import Clock, Generated, MemoryKeys, MemorySessions


class Shaky(MemorySessions):
    """A store that can be away."""

    away = False
    stuck = False

    async def end(self, session_ids: Sequence[uuid.UUID], ending: Ending) -> Ended:
        if self.stuck:
            await asyncio.sleep(60)
        if self.away:
            raise ConnectionRefusedError
        return await super().end(session_ids, ending)


class World:
    def __init__(self) -> None:
        self.clock, self.store = Clock(), Shaky()
        self.sent: list[SessionRevoked] = []
        self.broker_away = False
        settings = AuthSettings()
        self.keyring = Keyring(settings, MemoryKeys(), clock=self.clock, generate=Generated())
        self.sessions = Sessions(settings, self.store, self.keyring, self.publish, clock=self.clock)
        self.logout = Logout(settings, self.sessions, self.send)

    async def publish(self, entries: Sequence[Entry]) -> bool:
        return True

    async def send(self, message: Message, timeout_seconds: float) -> None:
        if self.broker_away:
            raise ConnectionError("away")
        self.sent.append(SessionRevoked.FromString(message.payload))

    async def tokens(self) -> tuple[str, str, uuid.UUID]:
        issued = await self.sessions.start_session(str(uuid.uuid4()), "google", "", "", "")
        return issued.access_token, issued.refresh_token, uuid.UUID(issued.session_id)


@pytest.fixture
def world() -> World:
    return World()


async def test_expired_tokens_end_their_session(world: World) -> None:
    access, _, session_id = await world.tokens()
    world.clock.forward(40 * 86_400)
    await world.logout.end([access], Visitor())
    assert world.store.families[session_id].revoked_at == world.clock.now


async def test_tokens_of_two_sessions_end_both(world: World) -> None:
    access, _, one = await world.tokens()
    _, refresh, two = await world.tokens()
    await world.logout.end([refresh, "junk", access], Visitor())
    assert all(world.store.families[found].revoked_at for found in (one, two))


async def test_without_the_database_the_edge_is_told_and_the_ending_owed(world: World) -> None:
    access, refresh, session_id = await world.tokens()
    world.store.away = True
    await world.logout.end([access, refresh], Visitor())
    assert [event.session_id for event in world.sent] == [str(session_id)]
    with pytest.raises(ConnectionRefusedError):
        await world.logout.settle()
    world.store.away = False
    await world.logout.settle()
    assert world.store.families[session_id].revoked_at is not None
    assert world.store.audits == [(session_id, "logout")]
    assert REGISTRY.get_sample_value("auth_logouts_owed") == 0


async def test_a_database_that_hangs_is_given_up(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logout_module, "DATABASE_SECONDS", 0.05)
    _, refresh, session_id = await world.tokens()
    world.store.stuck = True
    await world.logout.end([refresh], Visitor())
    assert [event.session_id for event in world.sent] == [str(session_id)]


async def test_with_everything_away_it_still_succeeds_and_is_counted(world: World) -> None:
    _, refresh, _ = await world.tokens()
    world.store.away = world.broker_away = True
    before = _count("cookies")
    await world.logout.end([refresh], Visitor())
    assert _count("cookies") == before + 1


async def test_even_keys_that_cannot_be_read_do_not_fail_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away() -> None:
        raise ConnectionRefusedError

    _, refresh, _ = await world.tokens()
    monkeypatch.setattr(world.keyring, "public", away)
    await world.logout.end([refresh], Visitor())
    assert not world.sent


def _count(outcome: str) -> float:
    return REGISTRY.get_sample_value("auth_logouts_total", {"outcome": outcome}) or 0.0
