"""A chat worker hangs in the middle of an answer, long enough that everybody has given it up."""

from __future__ import annotations

import asyncio
import time

import pytest

from tests.bench.simulated_chat import whole
from tests.e2e.chat_screen import Screen, assert_one_pair, say, text_begins
from tests.e2e.world import World, to_end
from tests.wait import until

pytestmark = [pytest.mark.stack, pytest.mark.chaos, pytest.mark.timeout(1200)]

FROZEN_SECONDS = 30
TOKENS = 1600
"""53 s of text: the successor begins within 15 s or so, and speaks when the frozen one is back."""


async def test_a_worker_frozen_for_thirty_seconds_never_interleaves_with_its_successor(
    world: World,
) -> None:
    async with await world.user() as app:
        with world.model.script(
            intent="general", reply_tokens=TOKENS, tokens_per_second=30.0
        ) as script:
            turn = await say(app, f"하나씩 알려 줘 {script.word}")
            watch = await text_begins(app, turn)
            watching = asyncio.create_task(to_end(app, turn, watch, within_seconds=150))
            async with world.another_worker("chat"):
                with world.stack.frozen("workers"):
                    thaw = time.monotonic() + FROZEN_SECONDS
                    await until(
                        lambda: time.monotonic() >= thaw,
                        within_seconds=FROZEN_SECONDS + 10,
                        what="the end of the frost",
                    )
                    frames = len(Screen().see(watch.events).seqs)
                await watching
            later = await say(app, f"하나 더 {script.word}")
            script.set(reply_tokens=5)
            await to_end(app, later)
        names = [event.name for event in watch.events]
        assert names.count("token_recovery") == 1
        seqs = Screen().see(watch.events).seqs
        assert len(seqs) > frames, "it was back while the successor spoke"
        assert seqs == list(range(seqs[0], seqs[0] + len(seqs)))
        assert watch.last.data["result"]["answer"] == whole(TOKENS)
        await assert_one_pair(app, turn, watch)
