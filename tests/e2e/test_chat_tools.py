"""A search of the web and a picture, from the app's message to what it shows."""

from __future__ import annotations

import re

import httpx
import pytest

from services.cli.app_client import AppClient, Submitted
from tests.bench.simulated_tools import picture
from tests.e2e.chat_screen import assert_one_pair, say
from tests.e2e.world import Watch, World, to_end

pytestmark = pytest.mark.stack


async def asked(
    world: World, app: AppClient, intent: str, question: str
) -> tuple[Submitted, Watch, dict[str, int]]:
    """A turn the model takes for `intent`: the turn, its events, and the calls it took."""
    with world.model.script(intent=intent, reply_tokens=12, tokens_per_second=120.0) as script:
        turn = await say(app, f"{question} {script.word}")
        watch = await to_end(app, turn, within_seconds=45)
        return turn, watch, dict(script.calls)


async def test_a_search_ends_in_an_answer_with_its_sources(world: World, alice: AppClient) -> None:
    turn, watch, calls = await asked(world, alice, "web_search", "바뀐 규정을 찾아봐 줘")
    assert watch.saw("web_search")
    assert calls["web_search"] == 1
    result = watch.last.data["result"]
    assert result["intent"] == "web_search"
    assert "[투명페트병 별도 배출](https://me.go.kr/pet)" in result["answer"]
    await assert_one_pair(alice, turn, watch)
    stored = (await alice.get(turn.result_url))["messages"][1]["metadata"]
    assert stored["citations"][0]["url"] == "https://me.go.kr/pet"
    assert "web_search" in [call["kind"] for call in stored["model"]["calls"]]


async def test_a_picture_is_drawn_stored_and_shown(world: World, alice: AppClient) -> None:
    before = world.model.statistics.calls["image_generation"]
    turn, watch, calls = await asked(world, alice, "image_generation", "분리배출을 그려 줘")
    assert watch.saw("image_generation")
    assert calls["image_generation"] == 1
    answer = watch.last.data["result"]["answer"]
    shown = re.search(r"!\[[^\]]+\]\((\S+/generated/[0-9a-f]{32}\.jpg)\)", answer)
    assert shown is not None, answer
    await assert_one_pair(alice, turn, watch)
    stored = (await alice.get(turn.result_url))["messages"][1]["metadata"]
    assert stored["pictures"] == [shown[1]]
    async with httpx.AsyncClient(trust_env=False, timeout=15) as browser:
        seen = await browser.get(shown[1])
    assert (seen.status_code, seen.headers["content-type"]) == (200, "image/jpeg")
    assert seen.content == picture(before + 1)
