"""The keys of this deployment: from a mounted file, or generated once and kept in the database."""

from __future__ import annotations

import asyncio

from services.auth import keys
from services.auth.keys import KeyFileError, SigningKey
from services.auth.settings import AuthSettings
from services.auth.store import AuthStore
from services.runtime.settings import Profile


class Keyring:
    """Loads keys on first use, so that a process starts while PostgreSQL is away."""

    def __init__(self, settings: AuthSettings, store: AuthStore) -> None:
        self._settings = settings
        self._store = store
        self._keys: tuple[SigningKey, ...] = ()
        self._lock = asyncio.Lock()

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
                    self._keys = await self._load()
        return self._keys

    async def active(self) -> SigningKey:
        """The key that signs."""
        return (await self.all())[0]

    async def _load(self) -> tuple[SigningKey, ...]:
        path = self._settings.signing_key_file
        if path is not None:
            try:
                return (keys.parse(path.read_bytes()),)
            except OSError as error:
                raise KeyFileError(f"ECO2_SIGNING_KEY_FILE: {error.strerror}") from None
        stored = await self._store.signing_keys()
        if not stored:
            fresh = await asyncio.to_thread(keys.generate)
            await self._store.add_active_key(fresh.kid, fresh.private_pem)
            stored = await self._store.signing_keys()
        return tuple(keys.parse(pem.encode()) for pem, _ in stored)
