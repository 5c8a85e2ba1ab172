from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Protocol

import pytest

from streaming import knowledge
from streaming.chat.intent import Intent
from streaming.chat.retrieval import Search
from streaming.chat.turn import TurnContext


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
