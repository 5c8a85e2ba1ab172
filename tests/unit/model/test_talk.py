"""Replies as they stream, whole and broken."""

from __future__ import annotations

from typing import Any

import pytest

from streaming.model.chat import Line
from streaming.model.provider import (
    ModelError,
    ModelOutputInvalid,
    ModelRateLimited,
    ModelTimeout,
    ModelUnavailable,
)
from tests.bench.simulated_chat import whole
from tests.bench.simulator import Simulator
from tests.unit.model.conftest import Make

ASKED: dict[str, Any] = {
    "now": "", "summary": "", "picture": None, "material": [], "questions": [], "question": "?",
}  # fmt: skip


async def said(make: Make, **changes: Any) -> str:
    talk = make(model_stream_idle_seconds=0.2, model_call_timeout_seconds=1.0, **changes).chat
    text = ""
    async with talk.reply(ASKED, [Line("user", "앞말"), Line("assistant", "뒷말")]) as speech:
        while piece := await speech.read():
            text += piece
        assert speech.usage.output_tokens == 8
        assert speech.model == "simulated"
    return text.strip()


async def test_a_reply_comes_in_pieces_and_tells_what_it_used(
    make: Make, simulator: Simulator
) -> None:
    simulator.set(reply_tokens=8, tokens_per_second=200.0)
    assert await said(make) == whole(8)
    asked = simulator.last_body.decode()
    assert "앞말" in asked
    assert "뒷말" in asked


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"stall_after": 3}, ModelTimeout),
        ({"cut_after": 3}, ModelUnavailable),
        ({"garbage_after": 3}, ModelOutputInvalid),
        ({"reply_tokens": 0}, ModelOutputInvalid),
        ({"rate_limited": 1.0}, ModelRateLimited),
        ({"errors": 1.0}, ModelUnavailable),
        ({"hang": 1.0}, ModelTimeout),
    ],
)
async def test_a_reply_that_is_none_is_an_error_of_its_kind(
    make: Make, simulator: Simulator, changes: dict[str, Any], error: type[ModelError]
) -> None:
    simulator.set(**{"reply_tokens": 8, "tokens_per_second": 200.0, **changes})
    with pytest.raises(error):
        await said(make)


async def test_an_intent_a_summary_and_a_grade_are_read(make: Make, simulator: Simulator) -> None:
    simulator.set(intent="bulk_waste")
    talk = make().chat
    told = await talk.intent(
        {"history": [], "recent_intents": [], "picture": False, "question": "소파"}
    )
    assert [(q.intent, q.confidence) for q in told.questions] == [("bulk_waste", 0.93)]
    assert (await talk.summary({"summary": "", "messages": []})).text == "지금까지의 요약"
    graded = await talk.grade({"material": [], "question": "?", "answer": "!"})
    assert set(graded.axes.values()) == {92.0}
