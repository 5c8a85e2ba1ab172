"""The database of a stack, beside its services."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from mesh.local.ephemeral_stack import EphemeralStack
from services.runtime.ports import HOST
from services.runtime.settings import RuntimeSettings


@asynccontextmanager
async def database_of(stack: EphemeralStack) -> AsyncIterator[asyncpg.Connection]:
    """A connection as the administrator."""
    settings = RuntimeSettings()
    database = await asyncpg.connect(
        host=HOST,
        port=stack.port("postgres"),
        user=settings.postgres_admin_user,
        password=settings.postgres_password.get_secret_value(),
        database="eco2",
    )
    try:
        yield database
    finally:
        await database.close()
