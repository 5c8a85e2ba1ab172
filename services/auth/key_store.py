"""SQL of the signing keys."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from services.auth.rotation import Due, KeyState, State, Step
from services.runtime.leadership import lock_key
from services.runtime.pool import Pool

ROTATION_LOCK = lock_key("auth.key-rotation")


@dataclass(frozen=True, slots=True)
class StoredKey:
    """A key as it is kept."""

    state: KeyState
    private_pem: str


class KeyStore:
    """Reads and writes ``signing_keys``."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def keys(self) -> list[StoredKey]:
        """Every key, the one that signs first."""
        return await _keys(self._pool)

    async def add_first(self, kid: str, private_pem: str, now: datetime) -> None:
        """Store the first active key; does nothing when another replica was faster."""
        await self._pool.execute(
            "INSERT INTO signing_keys (kid, private_pem, state, created_at, activated_at) "
            "VALUES ($1, $2, 'active', $3, $3) ON CONFLICT DO NOTHING",
            kid,
            private_pem,
            now,
        )

    @asynccontextmanager
    async def rotating(self) -> AsyncIterator[Rotating]:
        """A transaction in which nobody else rotates."""
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock($1)", ROTATION_LOCK)
            yield Rotating(connection)


class Rotating:
    """The keys within a rotation's transaction."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection

    async def keys(self) -> list[StoredKey]:
        """Every key, the one that signs first."""
        return await _keys(self._connection)

    async def publish(self, kid: str, private_pem: str, now: datetime) -> None:
        """Add the key that signs next."""
        await self._connection.execute(
            "INSERT INTO signing_keys (kid, private_pem, state, created_at) "
            "VALUES ($1, $2, 'next', $3)",
            kid,
            private_pem,
            now,
        )

    async def take(self, due: Due, now: datetime) -> None:
        """Promote or withdraw a key."""
        if due.step is Step.PROMOTE:
            await self._connection.execute(
                "UPDATE signing_keys SET state = 'retired', retired_at = $1 WHERE state = 'active'",
                now,
            )
            await self._connection.execute(
                "UPDATE signing_keys SET state = 'active', activated_at = $2 WHERE kid = $1",
                due.kid,
                now,
            )
        else:
            await self._connection.execute("DELETE FROM signing_keys WHERE kid = $1", due.kid)


async def _keys(connection: asyncpg.Connection | Pool) -> list[StoredKey]:
    rows = await connection.fetch(
        "SELECT kid, private_pem, state, created_at, retired_at FROM signing_keys "
        "ORDER BY array_position(ARRAY['active', 'next', 'retired'], state), created_at"
    )
    return [
        StoredKey(
            KeyState(
                kid=row["kid"],
                state=State(row["state"]),
                created_at=row["created_at"],
                retired_at=row["retired_at"],
            ),
            row["private_pem"],
        )
        for row in rows
    ]
