from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Protocol, TypeVar

import pytest

from services.runtime.context import ProcessContext
from services.runtime.outbound import Outbound
from services.runtime.settings import RuntimeSettings
from streaming import knowledge
from streaming.chat.external import portal
from streaming.chat.external.policies import SERVICES
from streaming.chat.external.settings import ToolSettings
from streaming.chat.intent import Intent
from streaming.chat.retrieval import Search
from streaming.chat.turn import TurnContext
from tests.stranger import Stranger, listening

T = TypeVar("T")
Adapter = Callable[[Outbound, ToolSettings], T]


@pytest.fixture(scope="session")
def known() -> knowledge.Knowledge:
    return knowledge.load()


@pytest.fixture(scope="session")
def search(known: knowledge.Knowledge) -> Search:
    return Search(known)


class Asking(Protocol):
    def __call__(self, message: str, intent: Intent = ..., **more: Any) -> TurnContext: ...


@pytest.fixture
def asking() -> Asking:
    """Makes the context of a question."""

    def ask(message: str, intent: Intent = Intent.WASTE, **more: Any) -> TurnContext:
        now = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
        given: dict[str, Any] = {
            "job_id": "job",
            "chat_id": "chat",
            "user_id": "user",
            "whole": message,
            "now": now,
            "deadline": now.timestamp() + 60,
        }
        return TurnContext(message=message, intent=intent, **(given | more))

    return ask


@pytest.fixture
async def stranger() -> AsyncIterator[Stranger]:
    """Somebody else's server."""
    async with listening() as made:
        yield made


class Connecting(Protocol):
    def __call__(
        self, adapter: Adapter[T], service: str, **rules: Any
    ) -> AbstractAsyncContextManager[T]: ...


@pytest.fixture
def connecting(stranger: Stranger) -> Connecting:
    """Makes the adapter of a service that the stranger plays, with a key; fast and without a cache
    unless `rules` say otherwise.
    """

    @asynccontextmanager
    async def make(adapter: Adapter[T], service: str, **rules: Any) -> AsyncIterator[T]:
        usual = {"timeout_seconds": 5.0, "backoff_seconds": 0.001, "cache_seconds": 0.0}
        context = ProcessContext(RuntimeSettings())
        settings = ToolSettings.model_validate(
            {
                "data_portal_key": "hush",
                "kma_url": stranger.origin,
                "keco_boxes_url": stranger.url,
                "household_waste_url": stranger.url,
            }
        )
        try:
            policy = replace(SERVICES[service], **(usual | rules))
            made = await portal.connect(context, settings, adapter, policy)
            assert made is not None
            yield made
        finally:
            await context.close()

    return make
