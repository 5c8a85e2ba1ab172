"""The playground's map: places as points, a filter, and everything of it by keyboard."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, expect

from mesh.local.ephemeral_stack import EphemeralStack
from services.cli.main import COMMANDS
from tests.browser.conftest import Watched
from tests.browser.test_playground import sign_in

pytestmark = [
    pytest.mark.stack,
    pytest.mark.skipif("seed" not in COMMANDS, reason="the local run has no sample places"),
]


@pytest.fixture(scope="module")
def places(stack: EphemeralStack) -> None:
    """The sample places of the local run."""
    stack.eco2("seed")


async def around(watched: Watched, radius: str) -> Page:
    """The page with places around the middle of the map."""
    page = watched.page
    await sign_in(page, "browser-places")
    await page.get_by_label("반경").select_option(radius)
    await page.get_by_role("button", name="찾기").click()
    await expect(page.locator("#map")).to_have_attribute("aria-busy", "false")
    await expect(page.locator("#map .point").first).to_be_visible()
    return page


@pytest.mark.usefixtures("places")
async def test_places_are_drawn_where_they_are(watched: Watched) -> None:
    page = await around(watched, "10000")
    points = await page.locator("#map .point").count()
    await expect(page.locator("#places-count")).to_have_text(f"{points}곳")
    outside = await page.evaluate(
        """[...document.querySelectorAll('#map .point')]
            .filter((point) => Math.hypot(point.cx.baseVal.value, point.cy.baseVal.value) > 101)
            .length"""
    )
    assert outside == 0, "nothing lies beyond the outermost ring"


@pytest.mark.usefixtures("places")
async def test_place_is_opened_by_keyboard(watched: Watched) -> None:
    page = await around(watched, "10000")
    point = page.locator("#map .point").first
    name = await point.locator("title").text_content()
    await point.focus()
    await page.keyboard.press("Enter")
    await expect(page.locator("#place h3")).to_have_text(str(name))
    await expect(point).to_have_attribute("aria-pressed", "true")


@pytest.mark.usefixtures("places")
async def test_categories_filter_and_words_find(watched: Watched) -> None:
    page = await around(watched, "10000")
    everything = await page.locator("#map .point").count()
    await page.get_by_label("공공 수거함").check()
    await expect(page.locator("#map .point")).not_to_have_count(everything)
    await page.get_by_label("이름으로 찾기").fill("제로웨이스트")
    await page.get_by_role("button", name="검색").click()
    await expect(page.locator("#places-list li").first).to_be_visible()
