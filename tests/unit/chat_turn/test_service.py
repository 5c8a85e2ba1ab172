"""The chat service as the worker calls it, while the service is away."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
import grpc.aio
import pytest
from eco2.chat.v1 import chat_pb2, chat_service_pb2

from streaming.chat import service
from streaming.chat.service import TurnService

UNAVAILABLE = grpc.StatusCode.UNAVAILABLE
LATE = grpc.StatusCode.DEADLINE_EXCEEDED
INVALID = grpc.StatusCode.INVALID_ARGUMENT


class Chat:
    """Ends its first calls as it is told, and knows one turn."""

    def __init__(self, *ends: grpc.StatusCode) -> None:
        self.ends = list(ends)
        self.turn = chat_pb2.Turn(job_id="j", status="completed")

    def _end(self) -> None:
        if self.ends:
            nothing = grpc.aio.Metadata()
            raise grpc.aio.AioRpcError(self.ends.pop(0), nothing, nothing, "", "")

    async def BeginTurn(self, request: Any, **_: Any) -> Any:
        self._end()
        return chat_service_pb2.BeginTurnResponse(turn=self.turn)

    async def AppendTurn(self, request: Any, **_: Any) -> Any:
        self._end()
        return chat_service_pb2.AppendTurnResponse(turn=self.turn)

    async def ParkTurn(self, request: Any, **_: Any) -> Any:
        self._end()
        return chat_service_pb2.ParkTurnResponse(turn=self.turn)


def calling(chat: Any, patience_seconds: float = 60.0) -> TurnService:
    none: Any = None
    return TurnService(chat, none, patience_seconds=patience_seconds)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "AGAIN_SECONDS", 0.001)
    monkeypatch.setattr(service, "AGAIN_MAX_SECONDS", 0.002)


async def test_a_service_that_is_away_for_a_while_is_waited_for() -> None:
    """Longer than the attempts of a record: a database that fails over would fail every turn."""
    chat = Chat(*[UNAVAILABLE, LATE] * 10)
    begun = await calling(chat).begin("j", 10)
    assert begun is not None
    assert begun.turn == chat.turn
    chat.ends = [UNAVAILABLE] * 10
    assert await calling(chat).append("j", chat_pb2.AssistantAnswer()) == chat.turn
    chat.ends = [LATE] * 10
    assert await calling(chat).park(chat_service_pb2.ParkTurnRequest()) == chat.turn


async def test_a_service_that_stays_away_is_given_up() -> None:
    with pytest.raises(grpc.aio.AioRpcError):
        async with asyncio.timeout(10):
            await calling(Chat(*[UNAVAILABLE] * 10_000), patience_seconds=0.1).begin("j", 10)


async def test_a_refusal_is_not_repeated() -> None:
    chat = Chat(INVALID, INVALID)
    with pytest.raises(grpc.aio.AioRpcError):
        await calling(chat).append("j", chat_pb2.AssistantAnswer())
    assert chat.ends == [INVALID]
