"""A browser for the session, and pages that remember what went wrong in them."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, Page, ViewportSize, async_playwright, expect

from mesh.local.ephemeral_stack import EphemeralStack
from tests.browser import chromium, origins

WIDE: ViewportSize = {"width": 1280, "height": 900}

PATIENCE_MS = 45_000
"""How long a page may take to show what is expected of it, on a busy machine."""


@pytest.fixture(scope="session", autouse=True)
def _browser_is_here() -> None:
    if chromium.executable() is None:
        pytest.skip("no Chromium here: `make browser`, or ECO2_BROWSER=/path/to/chrome")


@pytest.fixture(scope="session")
async def browser(stack: EphemeralStack) -> AsyncIterator[Browser]:
    """The browser, started once: all tests of a session have pages of their own in it."""
    expect.set_options(timeout=PATIENCE_MS)
    async with origins.serving(stack.paths.tls) as where, async_playwright() as playwright:
        running = await chromium.launch(playwright, [where])
        yield running
        await running.close()


class Watched:
    """A page, and the complaints of its console: errors of scripts, violations of the policy."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.complaints: list[str] = []
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on(
            "console",
            lambda message: (
                self.complaints.append(message.text)
                if message.type in ("error", "warning")
                # The status of an answer is the test's matter, not a fault of the page.
                and not message.text.startswith("Failed to load resource")
                else None
            ),
        )


@pytest.fixture
async def watched(browser: Browser, stack: EphemeralStack) -> AsyncIterator[Watched]:
    """A page in a fresh profile; fails the test when its console complains."""
    context = await browser.new_context(
        base_url=f"http://localhost:{stack.port('edge_http')}", locale="ko-KR", viewport=WIDE
    )
    page = Watched(await context.new_page())
    yield page
    await context.close()
    assert page.complaints == []
