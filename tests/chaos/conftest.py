"""A stack of its own, whose jobs have time for several restarts."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.e2e.world import World, running_world

SETTINGS = {"ECO2_JOB_DEADLINE_SECONDS": "180"}


@pytest.fixture(scope="session")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """The running stack with a model under control."""
    folder = tmp_path_factory.mktemp("chaos")
    async with running_world(folder, SETTINGS) as running:
        yield running
