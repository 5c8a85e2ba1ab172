from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import pytest_asyncio

from mesh.local.ephemeral import EphemeralParts
from mesh.local.free_ports import PortBlock
from services.auth.app import build as build_auth
from services.character.app import build as build_character
from services.users.app import build as build_users
from tests.integration.auth.client import Client
from tests.serving import migrated, serving


@pytest.fixture(scope="session")
def auth_database(parts: EphemeralParts) -> str:
    """URL of the database of these tests, with the superuser in it."""
    return parts.postgres_url("auth_sessions")


@pytest_asyncio.fixture(scope="session")
async def replicas(
    parts: EphemeralParts, auth_database: str
) -> AsyncIterator[tuple[Client, Client]]:
    """Two replicas of the auth domain on one database; Kafka is away."""
    async with two_replicas(parts, auth_database) as made:
        yield made


@asynccontextmanager
async def two_replicas(
    parts: EphemeralParts, auth_database: str
) -> AsyncIterator[tuple[Client, Client]]:
    """Two replicas on the database of a URL, which is brought up to date."""
    block = PortBlock()
    environ = parts.environ | await migrated(auth_database) | block.table()
    try:
        async with serving((build_auth, build_users, build_character), environ) as first:
            one = Client(first, auth_database)
            second_port = {"ECO2_PORT_AUTH": str(block.take())}
            async with serving((build_auth,), environ | second_port) as second:
                yield one, Client(second, auth_database)
    finally:
        block.close()
