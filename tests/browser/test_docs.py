"""The documentation in a browser, under its own policy."""

from __future__ import annotations

import json

import pytest
from playwright.async_api import expect

from edge.docs.pages import Page, pages
from services.runtime.routes import DESCRIPTOR, table
from tests.browser.conftest import Watched
from tests.browser.test_playground import sign_in

pytestmark = pytest.mark.stack

DOCS = [page for page in pages(table(), playground=False).values() if page.kind == "docs"]
SOME = [page for page in DOCS if page.name in ("eco2", "scan", "location")]
"""All pages are of one making; a domain, one whose prefix is not its name, and everything."""
OPENAPI = DESCRIPTOR.parents[1] / "openapi"


@pytest.mark.parametrize("docs", SOME, ids=lambda page: page.path)
async def test_page_draws_every_operation_of_its_document(watched: Watched, docs: Page) -> None:
    path, name = docs.path, docs.name
    document = json.loads((OPENAPI / f"{name}.json").read_text())
    operations = [op for item in document["paths"].values() for op in item.values()]
    await watched.page.goto(path)
    await expect(watched.page.locator(".opblock")).to_have_count(len(operations))


async def test_index_shows_the_health_of_every_domain(watched: Watched) -> None:
    await watched.page.goto("/docs")
    cards = watched.page.locator("[data-health]")
    await expect(cards).to_have_count(len(DOCS) - 1)
    await expect(watched.page.locator("[data-health]:not([data-state])")).to_have_count(0)
    scan = watched.page.locator('[data-health="/api/v1/scan/health"]')
    await expect(scan).to_have_attribute("data-state", "ok")


async def test_operation_can_be_tried_out(watched: Watched) -> None:
    await watched.page.goto("/api/v1/scan/docs")
    block = watched.page.locator("#operations-scan-scan_Health")
    await block.locator(".opblock-summary-control").click()
    await block.locator("button.execute").click()
    answer = block.locator(".live-responses-table tbody .response-col_status")
    await expect(answer).to_contain_text("200")


async def test_session_of_the_playground_is_used(watched: Watched) -> None:
    await sign_in(watched.page, "browser-docs")
    await watched.page.get_by_role("link", name="API 문서").first.click()
    block = watched.page.locator("#operations-users-users_GetMe")
    await block.locator(".opblock-summary-control").click()
    await block.locator("button.execute").click()
    await expect(block.locator(".live-responses-table tbody")).to_contain_text("browser-docs")


async def test_example_of_a_request_is_filled_in(watched: Watched) -> None:
    await watched.page.goto("/api/v1/scan/docs")
    block = watched.page.locator("#operations-scan-scan_SubmitScan")
    await block.locator(".opblock-summary-control").click()
    await expect(block.locator("textarea").first).to_contain_text("이 페트병은 어떻게 버려요?")
    await expect(block).to_contain_text("IMAGE_NOT_FOUND")
