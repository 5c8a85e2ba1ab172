"""A turn whose work ends in an unusual way: which end is which."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest
from eco2.pipeline.v1 import chat_turn_pb2

from streaming.chat.settings import ChatWorkerSettings
from streaming.chat.worker import ChatWorker
from streaming.kafka.consumer import Record, Retryable
from streaming.kafka.topics import CHAT_TURNS
from streaming.progress.turn import Over, Place, Turn


class Service:
    """A chat service whose first answer a test chooses."""

    def __init__(self, begin: Callable[[], Awaitable[None]]) -> None:
        self._begin = begin
        self.failed: list[str] = []

    async def begin(self, job_id: str, messages: int) -> None:
        await self._begin()

    async def fail(self, task: chat_turn_pb2.ChatTurn, reason: str) -> None:
        self.failed.append(reason)


class Leases:
    """Gives the turn to whoever asks first."""

    def __init__(self) -> None:
        self.given: list[Turn] = []

    async def begin(self, place: Place) -> Turn | Over:
        if self.given:
            return Over(ended=False)
        self.given.append(Turn(place, "token", 1, None, time.monotonic()))
        return self.given[0]

    async def release(self, turn: Turn) -> None:
        return


def record(deadline_seconds: float) -> Record[chat_turn_pb2.ChatTurn]:
    task = chat_turn_pb2.ChatTurn(
        job_id=str(uuid.uuid4()),
        chat_id=str(uuid.uuid4()),
        deadline_ms=int((time.time() + deadline_seconds) * 1000),
    )
    return Record(CHAT_TURNS, task.chat_id, task, 1, None, "", 0, 0, CHAT_TURNS.name, {})


def soon() -> Callable[[chat_turn_pb2.ChatTurn], float]:
    """A deadline that comes as soon as the work has begun, however slow the machine is."""
    left = iter((60.0,))
    return lambda _: time.time() + next(left, 0.05)


def worker(service: Service, leases: Leases) -> ChatWorker:
    means: Any = SimpleNamespace(service=service, settings=ChatWorkerSettings())
    turns: Any = leases
    return ChatWorker(means, turns)


async def test_a_time_out_within_the_work_is_not_the_deadline_of_the_turn() -> None:
    async def slow() -> None:
        raise TimeoutError

    service = Service(slow)
    with pytest.raises(Retryable):
        await worker(service, Leases()).handle(record(deadline_seconds=60.0))
    assert service.failed == []


async def test_a_turn_is_failed_at_its_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    service = Service(asyncio.Event().wait)  # type: ignore[arg-type]  # it never answers
    subject = worker(service, Leases())
    monkeypatch.setattr(subject, "deadline", soon())
    await subject.handle(record(deadline_seconds=60.0))
    assert service.failed == ["JOB_DEADLINE_EXCEEDED"]


async def test_a_lease_that_is_lost_while_the_deadline_stops_the_work_harms_nobody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As after a pause of the process that was longer than both."""
    leases = Leases()

    async def stopped() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            leases.given[0].lost()  # what renews the leases calls it, and must survive that

    service = Service(stopped)
    subject = worker(service, leases)
    monkeypatch.setattr(subject, "deadline", soon())
    await subject.handle(record(deadline_seconds=60.0))
    assert service.failed == [], "whoever has the turn now sees to its end"
