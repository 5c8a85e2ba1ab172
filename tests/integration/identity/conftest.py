from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from mesh.local.ephemeral import EphemeralParts
from services.auth.app import build as build_auth
from services.character.app import build as build_character
from services.runtime.context import ProcessContext
from services.users.app import build as build_users
from tests.serving import migrated, serving


@pytest_asyncio.fixture(scope="session")
async def identity(parts: EphemeralParts) -> AsyncIterator[ProcessContext]:
    """The auth, users and character domains on a database of their own."""
    environ = parts.environ | await migrated(parts.postgres_url("identity"))
    builders = (build_auth, build_users, build_character)
    async with serving(builders, environ) as context:
        yield context
