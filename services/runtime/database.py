"""PostgreSQL pools: one role and one schema a domain.

A pool connects as ``eco2_<domain>`` with ``search_path`` set to the schema of the domain, so a
domain can't reach another's tables even by mistake; public is searched as well, for extensions, and
holds no tables. Nothing connects before it is first used: a
process starts while PostgreSQL is away, and is simply not ready.
"""

from __future__ import annotations

import asyncio

import asyncpg

from services.runtime.pool import Pool
from services.runtime.settings import RuntimeSettings

CONNECT_SECONDS = 3.0
CHECK_SECONDS = 2.0
STATEMENT_MS = 5_000
"""Longest a statement may run; far above what any query here needs, below a caller's patience."""
LOCK_MS = 2_000

KEEPALIVE = {
    "tcp_keepalives_idle": "6",
    "tcp_keepalives_interval": "3",
    "tcp_keepalives_count": "3",
}
"""Seconds of silence after which PostgreSQL asks whether a client is still there, seconds between
questions, and how many may stay unanswered. A process that dies takes its connections along at
once, and with them its locks; those of a machine that vanishes would stay for two hours."""


def affected(status: str) -> int:
    """Rows that a command changed, of its status as PostgreSQL sends it: ``DELETE 3``."""
    return int(status.rpartition(" ")[2])


def role_of(domain: str) -> str:
    """PostgreSQL role of a domain."""
    return f"eco2_{domain}"


async def connect_pool(settings: RuntimeSettings, domain: str) -> Pool:
    """Open the pool of a domain; it makes connections when they are asked for."""
    behind = await asyncpg.create_pool(
        settings.postgres_url,
        user=role_of(domain),
        password=settings.postgres_password.get_secret_value(),
        min_size=0,
        max_size=settings.postgres_pool_max,
        timeout=CONNECT_SECONDS,
        command_timeout=STATEMENT_MS / 1000 + 1,
        max_inactive_connection_lifetime=300.0,
        reset=_keep_session,
        server_settings={
            "search_path": f"{domain}, public",
            "application_name": f"eco2-{domain}",
            "statement_timeout": str(STATEMENT_MS),
            "lock_timeout": str(LOCK_MS),
            "idle_in_transaction_session_timeout": "10000",
            "timezone": "UTC",
            "jit": "off",
            **KEEPALIVE,
        },
    )
    return Pool(behind, settings.postgres_pool_max)


async def _keep_session(connection: asyncpg.Connection) -> None:
    """Do nothing when a connection comes back to the pool.

    asyncpg has rolled back an open transaction by then. Its default goes on to reset the session
    in another round trip, which nothing here needs: nobody changes session settings, and whoever
    takes a session lock gives it back. That saves a quarter of the cost of a short query.
    """


async def check(pool: Pool) -> None:
    """Raise unless the database answers."""
    async with asyncio.timeout(CHECK_SECONDS):
        await pool.fetchval("SELECT 1")
