from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from streaming.knowledge import Knowledge, load
from streaming.model.openai import OpenAIProvider
from streaming.model.settings import Api, ModelSettings
from tests.bench.simulator import Behaviour, Simulator

Make = Callable[..., OpenAIProvider]


@pytest.fixture(scope="session")
def knowledge() -> Knowledge:
    return load()


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    """A model that answers at once."""
    running = Simulator(Behaviour(scale=0.0, middle="유리병"), seed=1)
    await running.start()
    yield running
    await running.stop()


@pytest.fixture(autouse=True)
def _no_outside_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "GEMINI_API_KEY"):
        monkeypatch.delenv(name, raising=False)


def settings_for(simulator: Simulator, **changes: Any) -> ModelSettings:
    chosen: dict[str, Any] = {
        "openai_api_key": "test-key",
        "openai_base_url": simulator.url,
        "model_image": "url",
    }
    return ModelSettings(**(chosen | changes))


@pytest.fixture(params=[Api.RESPONSES, Api.CHAT], ids=str)
def api(request: pytest.FixtureRequest) -> Api:
    found = request.param
    assert isinstance(found, Api)
    return found


@pytest.fixture
async def make(knowledge: Knowledge, simulator: Simulator, api: Api) -> AsyncIterator[Make]:
    """Makes providers for the simulator and closes them afterwards."""
    made: list[OpenAIProvider] = []

    def build(**changes: Any) -> OpenAIProvider:
        inline = changes.pop("inline", None)
        settings = settings_for(simulator, model_api=api, **changes)
        made.append(OpenAIProvider(knowledge, settings, inline=inline))
        return made[-1]

    yield build
    for provider in made:
        await provider.close()
