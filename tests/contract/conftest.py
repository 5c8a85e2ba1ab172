"""The edge under test, started once a session."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.contract.edge import Edge, running_edge


@pytest.fixture(scope="session")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Edge]:
    """The edge of the session."""
    async with running_edge(tmp_path_factory.mktemp("edge")) as edge:
        yield edge


@pytest.fixture
async def edge(running: Edge) -> AsyncIterator[Edge]:
    """The edge, with nothing recorded yet and every method answering as usual."""
    usual = dict(running.services.behaviours)
    running.client.cookies.clear()
    running.services.calls.clear()
    running.bridge.calls.clear()
    running.storage.calls.clear()
    yield running
    running.services.behaviours.clear()
    running.services.behaviours.update(usual)
