"""A question at the playground, and its answer as it is written."""

from __future__ import annotations

import httpx
import pytest
from playwright.async_api import expect

from mesh.local.ephemeral_stack import EphemeralStack
from services.runtime.ports import HOST
from streaming.kafka.topics import CHAT_TURNS
from tests.browser.conftest import Watched
from tests.browser.test_playground import JOB_MS, sign_in

pytestmark = pytest.mark.stack


@pytest.fixture(scope="module")
async def _turns_are_answered(stack: EphemeralStack) -> None:
    """Skip while no worker of the stack reads turns."""
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.get(f"http://{HOST}:{stack.port('metrics_work')}/metrics")
    if f'topic="{CHAT_TURNS.name}"' not in answer.text:
        pytest.skip("no worker of this stack answers turns")


@pytest.mark.usefixtures("_turns_are_answered")
async def test_question_is_answered(watched: Watched) -> None:
    page = watched.page
    await sign_in(page, "browser-chat")
    await page.get_by_label("메시지").fill("페트병 라벨은 떼야 하나요?")
    await page.get_by_label("메시지").press("Enter")
    await expect(page.locator("#messages .user")).to_have_text("페트병 라벨은 떼야 하나요?")
    answer = page.locator("#messages .assistant:not(.status)")
    await expect(answer).to_be_visible(timeout=JOB_MS)
    await expect(page.locator("#chat-form button.primary")).to_be_enabled(timeout=JOB_MS)
    await expect(answer).not_to_have_class("assistant failed")
    await expect(answer).not_to_be_empty()
    events = page.locator("#chat .calls .events")
    await expect(events).to_contain_text("event: token")
    await expect(events).to_contain_text("event: done")
    shown = [
        str(await c.get_attribute("data-call")) for c in await page.locator("#chat .calls li").all()
    ]
    assert [call.split()[0] for call in reversed(shown)] == ["POST", "POST", "SSE"]
