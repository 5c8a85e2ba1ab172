"""Calls under guard, the fallback, and which model a job gets."""

from __future__ import annotations

import asyncio
import io
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from PIL import Image as Pillow
from pydantic import SecretStr

from services.runtime.settings import Profile
from streaming.knowledge import Knowledge
from streaming.model.factory import build_models
from streaming.model.guard import Budget, Guard
from streaming.model.models import Models, Photo, Server
from streaming.model.openai import OpenAIProvider
from streaming.model.prices import LIST_PRICES, price_of
from streaming.model.provider import (
    Answer,
    Image,
    ModelError,
    ModelOutputInvalid,
    ModelRateLimited,
    ModelRejected,
    ModelTimeout,
    ModelUnavailable,
    Usage,
    Vision,
)
from streaming.model.settings import (
    GEMINI_MODELS,
    Api,
    ModelSettings,
    Provider,
    is_private_host,
)
from tests.bench.simulator import Simulator
from tests.unit.model.conftest import settings_for

SOON = Budget(work_seconds=5.0, patience_seconds=5.0)
PROBES = 4


def settings(**changes: Any) -> ModelSettings:
    chosen: dict[str, Any] = {
        "model_breaker_open_seconds": 0.05,
        "model_breaker_open_max_seconds": 0.1,
    }
    return ModelSettings(**(chosen | changes))


def answering(*results: object) -> tuple[Callable[[], Awaitable[str]], list[float]]:
    """A call that raises or returns one result after the other, and when it was made."""
    left, made = list(results), list[float]()

    async def ask() -> str:
        made.append(time.monotonic())
        result = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(result, Exception):
            raise result
        return str(result)

    return ask, made


async def test_a_failure_is_followed_by_one_more_call_in_place() -> None:
    ask, made = answering(ModelUnavailable("503"), "fine")
    assert await Guard("g1", settings()).call("vision", ask, SOON) == "fine"
    assert len(made) == 2


async def test_attempts_in_place_are_bounded() -> None:
    ask, made = answering(ModelOutputInvalid("?"))
    with pytest.raises(ModelOutputInvalid):
        await Guard("g2", settings(model_call_attempts=3)).call("vision", ask, SOON)
    assert len(made) == 3


async def test_a_refusal_is_not_repeated() -> None:
    ask, made = answering(ModelRejected("no"))
    with pytest.raises(ModelRejected):
        await Guard("g3", settings()).call("vision", ask, SOON)
    assert len(made) == 1


async def test_a_429_waits_as_told_and_costs_no_attempt() -> None:
    limited = ModelRateLimited("429", retry_after_seconds=0.1)
    ask, made = answering(limited, limited, limited, "fine")
    guard = Guard("g4", settings(model_call_attempts=1))
    assert await guard.call("vision", ask, SOON) == "fine"
    assert made[1] - made[0] >= 0.1


async def test_a_429_longer_than_patience_is_raised_at_once() -> None:
    ask, made = answering(ModelRateLimited("429", retry_after_seconds=60.0))
    with pytest.raises(ModelRateLimited):
        await Guard("g5", settings()).call("vision", ask, SOON)
    assert len(made) == 1


async def test_a_call_that_hangs_ends_with_the_work_budget() -> None:
    began = time.monotonic()
    with pytest.raises(ModelTimeout):
        await Guard("g6", settings()).call(
            "vision", lambda: asyncio.sleep(60), Budget(work_seconds=0.1, patience_seconds=30.0)
        )
    assert time.monotonic() - began < 15.0


async def test_while_a_server_is_down_callers_wait_and_only_probes_go_through() -> None:
    calls = 0

    async def ask() -> str:
        nonlocal calls
        calls += 1
        if calls <= 3 + PROBES:
            raise ModelUnavailable("503")
        return "fine"

    guard = Guard("g7", settings(model_breaker_failures=3, model_call_attempts=1))
    for _ in range(3):
        with pytest.raises(ModelUnavailable):
            await guard.call("vision", ask, SOON)
    assert guard.is_holding_off
    waiting = [asyncio.create_task(guard.call("vision", ask, SOON)) for _ in range(40)]
    done = await asyncio.gather(*waiting, return_exceptions=True)
    failed = sum(isinstance(found, ModelError) for found in done)
    assert failed == PROBES, "one for each probe that failed"
    assert done.count("fine") == 40 - PROBES
    assert calls == 3 + 40


async def test_a_cancelled_call_gives_its_slot_back() -> None:
    guard = Guard("g8", settings(), concurrency=1)
    hanging = asyncio.create_task(guard.call("vision", lambda: asyncio.sleep(60), SOON))
    await asyncio.sleep(0.01)
    hanging.cancel()
    await asyncio.gather(hanging, return_exceptions=True)
    ask, _ = answering("fine")
    assert await guard.call("vision", ask, SOON) == "fine"


class Fake:
    """A provider that says who it is."""

    def __init__(self, name: str, error: ModelError | None = None) -> None:
        self.name = name
        self.error = error
        self.images: list[Image] = []

    async def vision(self, image: Image, question: str) -> Vision:
        self.images.append(image)
        if self.error is not None:
            raise self.error
        return Vision(major="m", middle="m", minor=None, model=self.name, prompt_version="1")

    async def answer(self, vision: Vision, rule: object, question: str) -> Answer:
        return Answer(
            disposal_steps=(), insufficiencies=(), user_answer="", model="", prompt_version=""
        )

    async def close(self) -> None:
        pass


def server(fake: Fake, **changes: Any) -> Server:
    guard = Guard(fake.name, settings(model_breaker_failures=2, model_call_attempts=1))
    return Server(provider=fake, guard=guard, **({"needs_bytes": False} | changes))


def photo(data: bytes = b"") -> Photo:
    async def read() -> bytes:
        return data

    return Photo(url="https://images.example/scan/x.jpg", content_type="image/jpeg", read=read)


async def test_the_fallback_answers_only_while_the_model_is_held_off() -> None:
    down, spare = Fake("down", ModelUnavailable("503")), Fake("spare")
    models = Models([server(down, default=True)], fallback=server(spare))
    with pytest.raises(ModelUnavailable):
        await models.vision(photo(), "", model="", budget=SOON)
    told = await models.vision(photo(), "", model="", budget=SOON)
    assert told.provider == "spare", "the second failure opened the breaker"
    before = len(down.images)
    assert (await models.vision(photo(), "", model="", budget=SOON)).provider == "spare"
    assert len(down.images) == before


async def test_a_photo_is_stripped_before_a_model_gets_its_bytes() -> None:
    out = io.BytesIO()
    Pillow.new("RGB", (8, 8)).save(out, "JPEG", comment=b"secret")
    reader = Fake("reader")
    models = Models([server(reader, default=True, needs_bytes=True)])
    await models.vision(photo(out.getvalue()), "", model="", budget=SOON)
    data = reader.images[0].data
    assert data is not None
    assert b"secret" not in data
    with pytest.raises(ModelRejected):
        await models.vision(photo(b"not a photo"), "", model="", budget=SOON)


@pytest.fixture
async def built(knowledge: Knowledge, simulator: Simulator) -> AsyncIterator[Callable[..., Models]]:
    made: list[Models] = []

    def build(**changes: Any) -> Models:
        made.append(build_models(settings_for(simulator, **changes), knowledge))
        return made[-1]

    yield build
    for models in made:
        await models.close()


async def test_a_job_gets_the_model_it_asked_for_when_the_server_has_it(
    built: Callable[..., Models], simulator: Simulator
) -> None:
    models = built(model="mine", model_names=("mine", "gpt-5.1"))
    for asked, used in (("gpt-5.1", "gpt-5.1"), ("gpt-5", "mine"), ("", "mine")):
        await models.vision(photo(), "", model=asked, budget=SOON)
        assert f'"model":"{used}"'.encode() in simulator.last_body


def test_gemini_names_go_to_googles_server_when_there_is_a_key(knowledge: Knowledge) -> None:
    models = build_models(
        ModelSettings(openai_api_key=SecretStr("a"), gemini_api_key=SecretStr("b")), knowledge
    )
    found = models.server_for(GEMINI_MODELS[0])
    assert isinstance(found.provider, OpenAIProvider)
    assert found.provider.name == "gemini"
    assert found.needs_bytes
    assert models.server_for("gpt-5.2").provider.name == "openai"


def test_offline_is_the_default_without_a_key_and_refused_in_production() -> None:
    assert ModelSettings().effective_provider is Provider.OFFLINE
    assert ModelSettings(openai_api_key=SecretStr("k")).effective_provider is Provider.OPENAI
    with pytest.raises(ValueError, match="production"):
        _ = ModelSettings(profile=Profile.PRODUCTION).effective_provider
    with pytest.raises(ValueError, match="OPENAI_API_KEY"):
        _ = ModelSettings(model_provider=Provider.OPENAI).effective_provider


def test_openai_speaks_responses_and_others_chat() -> None:
    assert ModelSettings().effective_api is Api.RESPONSES
    assert ModelSettings(openai_base_url="http://10.0.0.1/v1").effective_api is Api.CHAT
    assert ModelSettings(openai_base_url="http://10.0.0.1/v1").served_names == {"gpt-5.2"}
    assert "gpt-5-mini" in ModelSettings().served_names


def test_settings_come_from_the_environment_under_the_usual_names(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://model.example/v1")
    monkeypatch.setenv("ECO2_MODEL", "gpt-5-mini")
    monkeypatch.setenv("ECO2_MODEL_NAMES", "a, b")
    found = ModelSettings()
    assert found.openai_base_url == "http://model.example/v1"
    assert (found.model, found.model_names) == ("gpt-5-mini", ("a", "b"))
    assert "sk-secret" not in repr(found)


@pytest.mark.parametrize(
    ("host", "private"),
    [
        ("localhost", True),
        ("127.0.0.1", True),
        ("10.1.2.3", True),
        ("::1", True),
        ("images.local", True),
        ("", True),
        ("images.growbin.app", False),
        ("8.8.8.8", False),
    ],
)
def test_photos_travel_inline_where_the_cdn_cannot_be_reached(host: str, private: bool) -> None:
    assert is_private_host(host) is private
    base = f"https://[{host}]/images" if ":" in host else f"https://{host}/images"
    assert ModelSettings(cdn_base_url=base).sends_inline is private


def test_a_call_is_priced_by_its_tokens() -> None:
    usage = Usage(input_tokens=1_000_000, cached_input_tokens=400_000, output_tokens=10_000)
    price = price_of("gpt-5.2-2025-12-11", ModelSettings())
    assert price is LIST_PRICES["gpt-5.2"]
    assert price.cost(usage) == pytest.approx(0.6 * 1.75 + 0.4 * 0.175 + 0.01 * 14)
    assert price_of("gpt-5-mini", ModelSettings()) is LIST_PRICES["gpt-5-mini"]
    assert price_of("llama", ModelSettings()) is None
    own = price_of("llama", ModelSettings(model_price_input_usd=1, model_price_output_usd=2))
    assert own is not None
    assert own.cost(usage) == pytest.approx(1.02)
