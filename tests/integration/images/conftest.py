from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from services.images.settings import ImagesSettings
from services.runtime.objectstore import ObjectStore
from tests.integration.backend import Backend


@pytest_asyncio.fixture(loop_scope="session")
async def objects(backend: Backend) -> AsyncIterator[ObjectStore]:
    """The bucket, beside the service."""
    made = ObjectStore(backend.context.settings(ImagesSettings))
    yield made
    await made.close()
