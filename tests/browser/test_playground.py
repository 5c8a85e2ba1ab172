"""The playground end to end: what a newcomer does in the first five minutes."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, expect

from mesh.local.ephemeral_stack import EphemeralStack
from tests.browser.conftest import WIDE, Watched

pytestmark = pytest.mark.stack

OVERLAPS = """() => {
    const boxes = [...document.querySelectorAll('main > section')]
        .map((section) => [section.id, section.getBoundingClientRect()]);
    return boxes.flatMap(([id, a], at) => boxes.slice(at + 1)
        .filter(([, b]) => a.left < b.right && b.left < a.right)
        .filter(([, b]) => a.top < b.bottom && b.top < a.bottom)
        .map(([other]) => `${id} and ${other}`));
}"""

JOB_MS = 60_000
"""A scan or a turn on a busy machine."""


async def sign_in(page: Page, name: str) -> None:
    await page.goto("/")
    await page.get_by_label("이름", exact=True).fill(name)
    await page.get_by_role("button", name="로그인").click()
    await expect(page.locator("#who")).to_have_text(name)


async def test_photo_becomes_steps_and_a_character(watched: Watched) -> None:
    page = watched.page
    await sign_in(page, "browser-scan")
    await page.get_by_role("button", name="예시 사진 쓰기").click()
    await expect(page.locator("#preview")).to_be_visible()
    await page.get_by_label("궁금한 점").fill("이 페트병은 어떻게 버려요?")
    await page.get_by_role("button", name="분석하기").click()
    await expect(page.locator("#scan-class")).to_contain_text("무색페트병", timeout=JOB_MS)
    await expect(page.locator("#steps li")).not_to_have_count(0)
    await expect(page.locator("#reward")).to_contain_text("페티")
    await expect(page.locator("#stages [data-state=completed]")).to_have_count(6)
    await expect(page.locator("#characters .owned")).to_have_count(2, timeout=JOB_MS)
    await expect(page.locator("#points")).to_have_text("10")
    calls = page.locator("#scan .calls li")
    shown = [str(await call.get_attribute("data-call")) for call in await calls.all()]
    kinds = [call.split()[0] for call in reversed(shown)]
    assert kinds == ["POST", "PUT", "POST", "SSE", "GET"]
    curl = await page.locator("#scan .calls li").nth(2).locator("pre").first.text_content()
    assert curl
    assert curl.startswith("curl -s -X POST 'http://localhost:")
    assert '-H "Authorization: Bearer $TOKEN"' in curl


async def test_dropped_file_that_is_no_picture_is_told(watched: Watched) -> None:
    page = watched.page
    await sign_in(page, "browser-wrong")
    await page.locator("#photo").set_input_files(
        {"name": "notes.png", "mimeType": "image/png", "buffer": b"no picture at all"}
    )
    await page.get_by_role("button", name="분석하기").click()
    await expect(page.get_by_role("alert")).to_contain_text("지원하지 않는 이미지 형식")


async def test_session_is_kept_from_scripts_and_ends_with_sign_out(
    watched: Watched, stack: EphemeralStack
) -> None:
    page = watched.page
    await sign_in(page, "browser-session")
    cookies = {cookie["name"]: cookie for cookie in await page.context.cookies()}
    for name in ("s_access", "s_refresh"):
        assert cookies[name]["httpOnly"]
        assert cookies[name]["secure"]
        assert cookies[name]["sameSite"] == "Lax"
    assert await page.evaluate("document.cookie") == ""
    await page.reload()
    await expect(page.locator("#who")).to_have_text("browser-session")
    await page.get_by_role("button", name="로그아웃").click()
    await expect(page.get_by_role("button", name="로그인")).to_be_visible()
    assert await page.context.cookies() == []
    await page.reload()
    await expect(page.get_by_role("button", name="로그인")).to_be_visible()


async def test_nickname_is_changed(watched: Watched) -> None:
    page = watched.page
    await sign_in(page, "browser-nickname")
    await page.get_by_label("별명").fill("새 이름")
    await page.get_by_role("button", name="바꾸기").click()
    await expect(page.locator("#who")).to_have_text("새 이름")


async def test_page_fits_a_phone_and_everything_can_be_reached_by_keyboard(
    watched: Watched,
) -> None:
    page = watched.page
    await sign_in(page, "browser-phone")
    for width in (360, 390, 768, WIDE["width"]):
        await page.set_viewport_size({"width": width, "height": 844})
        assert await page.evaluate("document.documentElement.scrollWidth") <= width
        assert await page.evaluate(OVERLAPS) == []
    unnamed = await page.evaluate(
        """[...document.querySelectorAll('input, select, button, textarea')]
            .filter((control) => !control.labels?.length && !control.textContent.trim()
                && !control.getAttribute('aria-label'))
            .map((control) => control.outerHTML)"""
    )
    assert unnamed == []
    await page.evaluate("document.activeElement.blur()")
    reached = set()
    for _ in range(60):
        await page.keyboard.press("Tab")
        reached.add(await page.evaluate("document.activeElement.id"))
    assert {"photo", "question", "scan-start", "message", "lat", "radius"} <= reached
