from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from mesh.local.ephemeral import EphemeralParts
from tests.integration.auth_oauth.site import Browser, Site, running_site


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def running(
    parts: EphemeralParts, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Site]:
    """The site, whose environment is gone after the last test here."""
    async with running_site(parts, tmp_path_factory.mktemp("oauth")) as site:
        yield site


@pytest.fixture
def site(running: Site) -> Site:
    """The site, with providers that behave."""
    for provider in (running.kakao, running.naver):
        provider.reset()
    return running


@pytest_asyncio.fixture
async def browser(site: Site) -> AsyncIterator[Browser]:
    """A browser without cookies."""
    async with Browser(site) as browser:
        yield browser
