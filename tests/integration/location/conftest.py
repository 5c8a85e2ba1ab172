"""The location service on real PostgreSQL, with the sample places."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
from eco2.location.v1.location_service_pb2_grpc import LocationServiceStub

from mesh.local.ephemeral import EphemeralParts
from services.cli import seed
from services.location import app
from services.runtime.identity import USER_ID
from tests.serving import migrated, serving

USER = ((USER_ID, str(uuid.UUID(int=1))), ("x-eco2-edge", "1"))
"""Metadata of a call the edge has let through."""


@dataclass
class Service:
    """The running service."""

    stub: Any
    target: str


@pytest.fixture(scope="session")
async def environ(parts: EphemeralParts) -> dict[str, str]:
    """Leads to a migrated database of these tests' own."""
    return {**parts.environ, **await migrated(parts.postgres_url())}


@pytest.fixture(scope="session")
async def location(environ: dict[str, str]) -> AsyncIterator[Service]:
    """The service without a key of the map service."""
    async with serving([app.build], environ) as context:
        target = context.address("location")
        await seed.SEEDERS["location"](target)
        yield Service(LocationServiceStub(context.channel("location")), target)
