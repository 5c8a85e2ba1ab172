"""SQL of the auth domain."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime

import asyncpg


@dataclass(frozen=True, slots=True)
class NewSession:
    """A session to be stored."""

    session_id: uuid.UUID
    user_id: uuid.UUID
    provider: str
    refresh_jti: uuid.UUID
    device_id: str
    user_agent: str
    login_ip: str
    refresh_expires_at: datetime


class AuthStore:
    """Reads and writes the schema ``auth``."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def signing_keys(self) -> list[tuple[str, str]]:
        """Pairs of PEM and state of every published key, the active one first."""
        rows = await self._pool.fetch(
            "SELECT private_pem, state FROM signing_keys ORDER BY state = 'active' DESC, created_at"
        )
        return [(row["private_pem"], row["state"]) for row in rows]

    async def add_active_key(self, kid: str, private_pem: str) -> None:
        """Store the first active key; does nothing when another replica was faster."""
        await self._pool.execute(
            "INSERT INTO signing_keys (kid, private_pem, state) VALUES ($1, $2, 'active') "
            "ON CONFLICT DO NOTHING",
            kid,
            private_pem,
        )

    async def add_session(self, session: NewSession) -> None:
        """Store a session and its audit record together."""
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(
                "INSERT INTO sessions (id, user_id, provider, refresh_jti, device_id, user_agent, "
                "refresh_expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7)",
                session.session_id,
                session.user_id,
                session.provider,
                session.refresh_jti,
                session.device_id,
                session.user_agent,
                session.refresh_expires_at,
            )
            await connection.execute(
                "INSERT INTO login_audits (user_id, provider, session_id, login_ip, user_agent) "
                "VALUES ($1, $2, $3, $4, $5)",
                session.user_id,
                session.provider,
                session.session_id,
                session.login_ip,
                session.user_agent,
            )
