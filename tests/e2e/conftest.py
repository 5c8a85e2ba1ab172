"""One stack for the session; every test runs its jobs on it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from services.cli.app_client import AppClient
from tests.e2e.world import World, running_world


@pytest.fixture(scope="session")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """The running stack with a model under control."""
    async with running_world(tmp_path_factory.mktemp("world")) as running:
        yield running


@pytest.fixture(scope="session")
async def alice(world: World) -> AsyncIterator[AppClient]:
    """A signed-in user."""
    async with await world.user("alice") as app:
        yield app


@pytest.fixture(scope="session")
async def http(world: World) -> AsyncIterator[httpx.AsyncClient]:
    """A plain client of the edge, without credentials."""
    async with httpx.AsyncClient(
        base_url=world.stack.base_url, timeout=15, trust_env=False
    ) as client:
        yield client
