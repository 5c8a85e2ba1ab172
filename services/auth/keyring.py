"""The keys of this deployment: from a mounted file, or generated and kept in the database.

Replicas look for changes every few seconds, and at once when a token names a key they don't know.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

import asyncpg
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from services.auth import keys, rotation
from services.auth.key_store import StoredKey
from services.auth.keys import KeyFileError, SigningKey
from services.auth.rotation import Due, KeyState, Pace, State, Step
from services.auth.settings import AuthSettings
from services.runtime import logs
from services.runtime.settings import Profile

log = logs.get(__name__)

PROMOTION_SECONDS: Final = 60
"""A replica that has not heard of a promotion yet goes on signing with the retired key; it is kept
for so much longer."""

UNKNOWN_SECONDS: Final = 1.0
"""Least time between two looks at the store made because a token named an unknown key."""


class NotDueError(Exception):
    """The next step of the rotation has to wait."""

    def __init__(self, step: Step, due_at: datetime) -> None:
        super().__init__(f"{step} is due at {due_at.isoformat(timespec='seconds')}")
        self.due_at = due_at


class RotatedElsewhereError(Exception):
    """The keys come from a file, and are rotated by changing it."""


class Rotation(Protocol):
    """The stored keys while nobody else rotates; see :mod:`services.auth.key_store`."""

    async def keys(self) -> list[StoredKey]:
        """Every key, the one that signs first."""

    async def publish(self, kid: str, private_pem: str, now: datetime) -> None:
        """Add the key that signs next."""

    async def take(self, due: Due, now: datetime) -> None:
        """Promote or withdraw a key."""


class KeyStorage(Protocol):
    """Where keys are kept; see :class:`services.auth.key_store.KeyStore`."""

    async def keys(self) -> list[StoredKey]:
        """Every key, the one that signs first."""

    async def add_first(self, kid: str, private_pem: str, now: datetime) -> None:
        """Store the first active key, unless another replica was faster."""

    def rotating(self) -> AbstractAsyncContextManager[Rotation]:
        """A transaction in which nobody else rotates."""


class Keyring:
    """Loads keys on first use, so that a process starts while PostgreSQL is away."""

    def __init__(
        self,
        settings: AuthSettings,
        store: KeyStorage,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        generate: Callable[[], SigningKey] = keys.generate,
    ) -> None:
        self._settings = settings
        self._store = store
        self._clock = clock
        self._generate = generate
        self._states: tuple[KeyState, ...] = ()
        self._keys: tuple[SigningKey, ...] = ()
        self._public: Mapping[str, RSAPublicKey] = {}
        self._lock = asyncio.Lock()
        self._looked_at = float("-inf")

    @staticmethod
    def check(settings: AuthSettings) -> None:
        """KeyFileError when the profile and the key source don't go together."""
        if settings.profile is Profile.PRODUCTION and settings.signing_key_file is None:
            raise KeyFileError(
                "the production profile needs ECO2_SIGNING_KEY_FILE; it generates no keys"
            )

    async def all(self) -> tuple[SigningKey, ...]:
        """Every published key, the one that signs first."""
        if not self._keys:
            async with self._lock:
                if not self._keys:
                    await self._load()
        return self._keys

    async def active(self) -> SigningKey:
        """The key that signs."""
        return (await self.all())[0]

    async def named(self, kid: str) -> SigningKey:
        """The key of an id, or the active one when it has been withdrawn."""
        if kid not in await self.public():
            # Perhaps another replica has begun to sign with a new key.
            await self.look_again()
        return next((key for key in self._keys if key.kid == kid), self._keys[0])

    async def public(self) -> Mapping[str, RSAPublicKey]:
        """Public keys by id."""
        await self.all()
        return self._public

    async def states(self) -> tuple[KeyState, ...]:
        """Where the published keys stand, the one that signs first."""
        await self.all()
        return self._states

    async def look_again(self) -> Mapping[str, RSAPublicKey]:
        """Public keys by id, read again unless that was done just now."""
        if time.monotonic() - self._looked_at >= UNKNOWN_SECONDS:
            await self.reload()
        return await self.public()

    async def run(self) -> None:
        """Follow what other replicas, or whoever mounts the file, change. Never returns."""
        while True:
            await asyncio.sleep(self._settings.key_poll_seconds)
            try:
                await self.reload()
            except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, KeyFileError) as error:
                log.warning("could not look for new signing keys", error=str(error))

    async def rotate(self, *, force: bool) -> tuple[KeyState, ...]:
        """Take the next step of the rotation; where the keys stand then.

        NotDueError when it has to wait, unless forced; RotatedElsewhereError for keys of a file.
        """
        if self._settings.signing_key_file is not None:
            raise RotatedElsewhereError("the keys come from a file; rotate them there")
        await self.all()
        async with self._store.rotating() as work:
            now = self._clock()
            stored = await work.keys()
            due = rotation.next_step([key.state for key in stored], now, self._pace())
            if due.at > now and not force:
                raise NotDueError(due.step, due.at)
            if due.step is Step.PUBLISH:
                fresh = await asyncio.to_thread(self._generate)
                await work.publish(fresh.kid, fresh.private_pem, now)
            else:
                await work.take(due, now)
        log.info("signing keys rotated", step=due.step, key_id=due.kid, forced=due.at > now)
        await self.reload()
        return self._states

    def _pace(self) -> Pace:
        unheard = timedelta(seconds=PROMOTION_SECONDS)
        return Pace(self._settings.key_publish, self._settings.longest_token_life + unheard)

    async def reload(self) -> None:
        """Read the keys again."""
        async with self._lock:
            await self._load()

    async def _load(self) -> None:
        self._looked_at = time.monotonic()
        path = self._settings.signing_key_file
        if path is not None:
            try:
                self._use(keys.parse_all(await asyncio.to_thread(path.read_bytes)), ())
            except OSError as error:
                raise KeyFileError(f"ECO2_SIGNING_KEY_FILE: {error.strerror}") from None
            return
        stored = await self._store.keys()
        if not stored:
            fresh = await asyncio.to_thread(self._generate)
            await self._store.add_first(fresh.kid, fresh.private_pem, self._clock())
            stored = await self._store.keys()
        known = {key.kid: key for key in self._keys}
        self._use(
            [known.get(key.state.kid) or keys.parse(key.private_pem.encode()) for key in stored],
            [key.state for key in stored],
        )

    def _use(self, found: Sequence[SigningKey], states: Sequence[KeyState]) -> None:
        if [key.kid for key in found] != [key.kid for key in self._keys]:
            log.info("signing keys", key_ids=[key.kid for key in found])
        if not states:
            # The first key of a file signs; what the others were or will be it doesn't say.
            now = self._clock()
            states = [
                KeyState(
                    kid=key.kid,
                    state=State.RETIRED if number else State.ACTIVE,
                    created_at=now,
                )
                for number, key in enumerate(found)
            ]
        self._keys = tuple(found)
        self._states = tuple(states)
        self._public = {key.kid: key.private_key.public_key() for key in found}
