"""What integration tests of several domains share."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from mesh.local.ephemeral import EphemeralParts
from tests.integration.backend import Backend, running_backend


@pytest.fixture(scope="session")
async def backend(parts: EphemeralParts) -> AsyncIterator[Backend]:
    """The images and scan services, started when first asked for."""
    async with running_backend(parts) as running:
        yield running
