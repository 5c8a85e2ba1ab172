"""Waiting for the answer to a question."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from services.chat.asking import Asking
from services.chat.settings import ChatSettings


class StalledTurns:
    """A database that does not answer in time."""

    def __init__(self) -> None:
        self.failed: list[uuid.UUID] = []

    async def get(self, job_id: uuid.UUID) -> None:
        raise TimeoutError

    async def fail(self, job_id: uuid.UUID, reason: str) -> None:
        self.failed.append(job_id)


async def test_a_database_that_does_not_answer_is_not_the_questions_deadline() -> None:
    turns: Any = StalledTurns()
    none: Any = None
    with pytest.raises(TimeoutError):
        await Asking(none, turns, none, ChatSettings())._wait(uuid.uuid4())
    assert turns.failed == []
