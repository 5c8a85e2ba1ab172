"""The documentation in a browser, under its own policy."""

from __future__ import annotations

import json

import pytest
from playwright.async_api import expect

from edge.docs.pages import pages
from services.runtime.routes import DESCRIPTOR, table
from tests.browser.conftest import Watched
from tests.browser.test_playground import sign_in

pytestmark = pytest.mark.stack

DOCS = [page for page in pages(table(), playground=False).values() if page.kind == "docs"]
OPENAPI = DESCRIPTOR.parents[1] / "openapi"


async def drawn(watched: Watched, name: str) -> None:
    """Open a page and wait until every operation of its document is there."""
    document = json.loads((OPENAPI / f"{name}.json").read_text())
    operations = [op for item in document["paths"].values() for op in item.values()]
    await watched.page.goto(next(page.path for page in DOCS if page.name == name))
    await expect(watched.page.locator(".opblock")).to_have_count(len(operations))


async def test_index_draws_everything_and_the_health_of_every_domain(watched: Watched) -> None:
    await drawn(watched, "eco2")
    cards = watched.page.locator("[data-health]")
    await expect(cards).to_have_count(len(DOCS) - 1)
    await expect(watched.page.locator("[data-health]:not([data-state])")).to_have_count(0)
    scan = watched.page.locator('[data-health="/api/v1/scan/health"]')
    await expect(scan).to_have_attribute("data-state", "ok")


async def test_page_of_a_domain_whose_prefix_is_not_its_name(watched: Watched) -> None:
    await drawn(watched, "location")


async def test_operations_show_examples_and_can_be_tried_out(watched: Watched) -> None:
    await drawn(watched, "scan")
    block = watched.page.locator("#operations-scan-scan_SubmitScan")
    await block.locator(".opblock-summary-control").click()
    await expect(block.locator("textarea").first).to_contain_text("이 페트병은 어떻게 버려요?")
    await expect(block).to_contain_text("IMAGE_NOT_FOUND")
    block = watched.page.locator("#operations-scan-scan_Health")
    await block.locator(".opblock-summary-control").click()
    await block.locator("button.execute").click()
    answer = block.locator(".live-responses-table tbody .response-col_status")
    await expect(answer).to_contain_text("200")


async def test_session_of_the_playground_is_used(watched: Watched) -> None:
    await sign_in(watched.page, "browser-docs")
    link = watched.page.get_by_role("link", name="API 문서").first
    await expect(link).to_have_attribute("href", "/docs")
    await watched.page.goto("/api/v1/users/docs")  # one domain is drawn in a fraction of the time
    block = watched.page.locator("#operations-users-users_GetMe")
    await block.locator(".opblock-summary-control").click()
    await block.locator("button.execute").click()
    await expect(block.locator(".live-responses-table tbody")).to_contain_text("browser-docs")
