"""A model that a user chose and whose server has it no more: the default one answers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from streaming.knowledge import Knowledge
from streaming.model import models as module
from streaming.model.factory import build_models
from streaming.model.guard import Budget
from streaming.model.models import Models, Photo, Talker
from streaming.model.provider import ModelUnavailable
from streaming.model.settings import GEMINI_MODELS, Api
from tests.bench.simulator import Simulator
from tests.unit.model.conftest import settings_for

SOON = Budget(work_seconds=5.0, patience_seconds=0.2)
PLACES = (
    *("question", "questions", "now", "material", "answer", "summary", "history", "picture"),
    "recent_intents",
)
"""Places of the prompts that the calls below fill."""

QUESTION = dict.fromkeys(PLACES, "유리병은요?")


@pytest.fixture
async def models(
    knowledge: Knowledge, simulator: Simulator
) -> AsyncIterator[Callable[..., Models]]:
    """Makes the models of a server that has `mine`, the default one, and does not have `old`."""
    simulator.set(not_served="old", reply_tokens=3, tokens_per_second=1_000.0)
    made: list[Models] = []

    def build(**changes: Any) -> Models:
        usual = {"model": "mine", "model_names": ("mine", "old", "other")}
        made.append(build_models(settings_for(simulator, **(usual | changes)), knowledge))
        return made[-1]

    yield build
    for each in made:
        await each.close()


async def look(models: Models, model: str) -> str:
    async def read() -> bytes:
        raise AssertionError("photos are sent as URLs")

    photo = Photo(url="https://images.example/a.jpg", content_type="image/jpeg", read=read)
    return (await models.vision(photo, "", model=model, budget=SOON)).value.middle


async def reply(talker: Talker) -> str:
    text = ""
    async with talker.reply(QUESTION, (), 0.2) as speech:
        while piece := await speech.read():
            text += piece
    return text


def asked(simulator: Simulator) -> dict[str, int]:
    return dict(simulator.statistics.models)


async def test_a_scan_that_chose_it_is_answered_by_the_default_model(
    models: Callable[..., Models], simulator: Simulator, api: Api
) -> None:
    served = models(model_api=api)
    assert await look(served, "old") == "유리병"
    assert asked(simulator) == {"old": 1, "mine": 1}
    assert await look(served, "old") == "유리병"
    assert asked(simulator) == {"old": 1, "mine": 2}, "it is not asked for again for a while"
    assert await look(served, "other") == "유리병"
    assert asked(simulator)["other"] == 1


async def test_it_is_asked_for_again_after_a_while(
    models: Callable[..., Models], simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "NOT_SERVED_SECONDS", 0.0)
    served = models()
    await look(served, "old")
    simulator.set(not_served="")
    await look(served, "old")
    assert asked(simulator) == {"old": 2, "mine": 1}


async def test_a_turn_that_chose_it_is_answered_by_the_default_model(
    models: Callable[..., Models], simulator: Simulator, api: Api
) -> None:
    served = models(model_api=api)
    talker = served.talker("old")
    assert talker is not None
    assert (await talker.intent(QUESTION, SOON)).questions
    assert await reply(talker)
    await talker.grade(QUESTION, SOON)
    assert asked(simulator) == {"old": 1, "mine": 3}, "the turn's further calls know it"
    other = served.talker("old")
    assert other is not None
    assert await reply(other)
    assert asked(simulator) == {"old": 1, "mine": 4}, "and so do other turns"


async def test_a_reply_that_is_the_first_to_find_out_is_answered_too(
    models: Callable[..., Models], simulator: Simulator
) -> None:
    talker = models().talker("old")
    assert talker is not None
    assert await reply(talker)
    assert asked(simulator) == {"old": 1, "mine": 1}


async def test_choosing_it_holds_nobody_off(
    models: Callable[..., Models], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "NOT_SERVED_SECONDS", 0.0)
    served = models(model_breaker_window=2, model_breaker_failures=1)
    for _ in range(4):
        assert await look(served, "old") == "유리병"
    assert not served.server_for("").guard.is_holding_off


async def test_a_default_model_that_is_not_served_is_a_fault_of_the_server(
    models: Callable[..., Models], simulator: Simulator
) -> None:
    simulator.set(not_served="mine,old")
    served = models(
        model_breaker_window=2,
        model_breaker_failures=2,
        model_breaker_open_seconds=600.0,
        model_breaker_open_max_seconds=600.0,
        model_call_attempts=1,
    )
    for name in ("old", "mine"):
        with pytest.raises(ModelUnavailable, match="model_not_found"):
            await look(served, name)
    assert served.server_for("").guard.is_holding_off, "so a fallback can take over"


async def test_one_of_googles_is_replaced_by_the_default_one_of_the_other_server(
    models: Callable[..., Models], simulator: Simulator
) -> None:
    simulator.set(not_served=",".join(GEMINI_MODELS))
    served = models(gemini_api_key="k", gemini_base_url=simulator.url)
    for name in GEMINI_MODELS[:2]:
        talker = served.talker(name)
        assert talker is not None
        assert talker.provider == "gemini"
        assert await reply(talker)
        assert talker.provider == "openai"
    assert asked(simulator) == {GEMINI_MODELS[0]: 1, GEMINI_MODELS[1]: 1, "mine": 2}
