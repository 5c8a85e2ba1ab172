"""What channels between domains do when a server says that it can't serve a call now."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import grpc
import grpc.aio
import pytest
from eco2.chat.v1 import chat_service_pb2
from eco2.chat.v1.chat_service_pb2_grpc import (
    ChatServiceServicer,
    ChatServiceStub,
    add_ChatServiceServicer_to_server,
)
from eco2.errors.v1.error_reason_pb2 import ErrorReason

from services.runtime.context import CHANNEL_OPTIONS
from services.runtime.errors import meaning_of
from services.runtime.ports import HOST

UNAVAILABLE = meaning_of(ErrorReason.ERROR_REASON_MODEL_UNAVAILABLE).code


class Away(ChatServiceServicer):
    """Counts what it is asked, and answers that the model is away."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()

    async def AskOnce(self, request: Any, context: Any) -> Any:
        await self._refuse("AskOnce", context)

    async def BeginTurn(self, request: Any, context: Any) -> Any:
        await self._refuse("BeginTurn", context)

    async def _refuse(self, method: str, context: Any) -> None:
        self.asked[method] += 1
        await context.abort(UNAVAILABLE, "the model is away")


@dataclass
class Chat:
    """A channel as domains have it, and the server behind it."""

    stub: Any
    server: Away


@pytest.fixture
async def chat() -> AsyncIterator[Chat]:
    away = Away()  # type: ignore[abstract]  # nothing else is called
    server = grpc.aio.server()
    add_ChatServiceServicer_to_server(away, server)
    port = server.add_insecure_port(f"{HOST}:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"{HOST}:{port}", options=CHANNEL_OPTIONS) as channel:
        yield Chat(ChatServiceStub(channel), away)
    await server.stop(None)


async def test_a_question_is_asked_once(chat: Chat) -> None:
    assert UNAVAILABLE is grpc.StatusCode.UNAVAILABLE
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await chat.stub.AskOnce(chat_service_pb2.AskOnceRequest(message="?"), timeout=20)
    assert caught.value.code() is UNAVAILABLE
    assert chat.server.asked["AskOnce"] == 1


async def test_other_calls_are_made_again(chat: Chat) -> None:
    with pytest.raises(grpc.aio.AioRpcError):
        await chat.stub.BeginTurn(chat_service_pb2.BeginTurnRequest(job_id="j"), timeout=20)
    assert chat.server.asked["BeginTurn"] == 4
