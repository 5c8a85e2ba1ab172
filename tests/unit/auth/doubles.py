"""Stores in memory that behave as those on PostgreSQL do, and a clock that is set by hand."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from services.auth.key_store import StoredKey
from services.auth.keys import SigningKey, generate
from services.auth.revocation import Revocation
from services.auth.rotation import Due, KeyState, State, Step, listed
from services.auth.sessions import Family
from services.auth.store import Device, Ended, Ending, Listed
from services.runtime.outbox import Entry

_generated: list[SigningKey] = []


def signing_key(number: int) -> SigningKey:
    """The same few keys for all tests: making one takes a while."""
    while len(_generated) <= number:
        _generated.append(generate())
    return _generated[number]


class Generated:
    """Hands out keys, each once."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> SigningKey:
        self.count += 1
        return signing_key(self.count - 1)


@dataclass
class Clock:
    """A clock that stands until it is moved."""

    now: datetime = datetime(2026, 1, 2, 3, 4, 5, 678_000, UTC)

    def __call__(self) -> datetime:
        return self.now

    def forward(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@dataclass
class MemorySessions:
    """Sessions; every call gives way to others first, as a round trip would."""

    families: dict[uuid.UUID, Family] = field(default_factory=dict)
    devices: dict[uuid.UUID, tuple[Device, datetime]] = field(default_factory=dict)
    audits: list[tuple[uuid.UUID, str]] = field(default_factory=list)
    written: int = 0

    async def add(self, family: Family, device: Device, now: datetime) -> None:
        await asyncio.sleep(0)
        self.families[family.session_id] = family
        self.devices[family.session_id] = (device, now)

    async def get(self, session_id: uuid.UUID) -> Family | None:
        await asyncio.sleep(0)
        return self.families.get(session_id)

    async def rotate(self, before: Family, after: Family, now: datetime) -> bool:
        await asyncio.sleep(0)
        present = self.families.get(before.session_id)
        if present is None or present.revoked_at is not None:
            return False
        if present.current.refresh_jti != before.current.refresh_jti:
            return False
        self.families[before.session_id] = after
        return True

    async def end(self, session_ids: Sequence[uuid.UUID], ending: Ending) -> Ended:
        await asyncio.sleep(0)
        found = [self.families[i] for i in dict.fromkeys(session_ids) if i in self.families]
        return self._end(found, ending)

    async def end_all(self, user_id: uuid.UUID, ending: Ending) -> Ended:
        await asyncio.sleep(0)
        return self._end([f for f in self.families.values() if f.user_id == user_id], ending)

    def _end(self, found: Sequence[Family], ending: Ending) -> Ended:
        entries = []
        for family in found:
            if family.revoked_at is None:
                self.families[family.session_id] = replace(family, revoked_at=ending.at)
                self.audits.append((family.session_id, ending.reason))
                entries.append(self._entry(family, ending))
        return Ended(len(entries), entries)

    def _entry(self, family: Family, ending: Ending) -> Entry:
        self.written += 1
        revocation = Revocation(
            family.session_id, family.user_id, ending.reason, ending.at, family.tokens_expire_at
        )
        return Entry(self.written, revocation.message(), claimed=True)

    async def erase(self, user_id: uuid.UUID, ending: Ending) -> Ended:
        await asyncio.sleep(0)
        gone = [f for f in self.families.values() if f.user_id == user_id]
        for family in gone:
            del self.families[family.session_id]
        return Ended(len(gone), [self._entry(f, ending) for f in gone if f.revoked_at is None])

    async def owner(self, session_id: uuid.UUID) -> uuid.UUID | None:
        found = self.families.get(session_id)
        return None if found is None else found.user_id

    async def listed(self, user_id: uuid.UUID, now: datetime) -> list[Listed]:
        return [
            Listed(
                session_id=family.session_id,
                provider=family.provider,
                device_id=self.devices[family.session_id][0].device_id,
                user_agent=self.devices[family.session_id][0].visitor.user_agent,
                created_at=self.devices[family.session_id][1],
                last_used_at=family.current.issued_at,
                expires_at=family.current.refresh_expires_at,
            )
            for family in self.families.values()
            if family.user_id == user_id
            and family.revoked_at is None
            and family.current.refresh_expires_at > now
        ]


@dataclass
class MemoryKeys:
    """Signing keys, and the rotation's transaction on them."""

    stored: dict[str, StoredKey] = field(default_factory=dict)

    async def keys(self) -> list[StoredKey]:
        await asyncio.sleep(0)
        order = listed([key.state for key in self.stored.values()])
        return [self.stored[state.kid] for state in order]

    async def add_first(self, kid: str, private_pem: str, now: datetime) -> None:
        if not self.stored:
            self._put(kid, private_pem, State.ACTIVE, now)

    @asynccontextmanager
    async def rotating(self) -> AsyncIterator[MemoryKeys]:
        yield self

    async def publish(self, kid: str, private_pem: str, now: datetime) -> None:
        self._put(kid, private_pem, State.NEXT, now)

    async def take(self, due: Due, now: datetime) -> None:
        if due.step is Step.WITHDRAW:
            del self.stored[due.kid]
            return
        for kid, key in self.stored.items():
            if key.state.state is State.ACTIVE:
                retired = replace(key.state, state=State.RETIRED, retired_at=now)
                self.stored[kid] = replace(key, state=retired)
        chosen = self.stored[due.kid]
        self.stored[due.kid] = replace(chosen, state=replace(chosen.state, state=State.ACTIVE))

    def _put(self, kid: str, private_pem: str, state: State, now: datetime) -> None:
        self.stored[kid] = StoredKey(KeyState(kid=kid, state=state, created_at=now), private_pem)
