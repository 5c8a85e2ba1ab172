"""The chat service as the worker calls it, and the ends of turns for those who watch."""

from __future__ import annotations

import asyncio
import json
import random
import time
from typing import TYPE_CHECKING, Final, TypeVar

import grpc
import grpc.aio
from eco2.chat.v1 import chat_pb2, chat_service_pb2
from eco2.pipeline.v1 import chat_turn_pb2

from services.runtime import logs
from services.runtime.errors import meaning_of, reason_named
from streaming.progress import stages
from streaming.progress.event import ProgressEvent
from streaming.progress.publisher import ProgressPublisher
from streaming.progress.scripts import ProgressUnavailable

if TYPE_CHECKING:
    from eco2.chat.v1.chat_service_pb2_grpc import ChatServiceAsyncStub
    from grpc.aio import UnaryUnaryMultiCallable

log = logs.get(__name__)

Q = TypeVar("Q")
R = TypeVar("R")

CALL_SECONDS: Final = 5.0
"""Time of one call to the chat service."""

COMPLETED: Final = "completed"
WAITING: Final = "waiting"
ENDED: Final = frozenset({COMPLETED, "failed", "cancelled"})
CANCELLED_MESSAGE: Final = "취소된 대화입니다."


AWAY: Final = frozenset({grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED})
"""What a call ends with while the service or its database is away."""

AGAIN_SECONDS: Final = 0.5
AGAIN_MAX_SECONDS: Final = 5.0
"""First and longest pause before it is asked again."""


class TurnService:
    """Calls raise ``grpc.aio.AioRpcError``. Those of a turn's work wait for a service that is away,
    for so many seconds: its database restarts, and what the turn has cost by then is not lost.
    """

    def __init__(
        self,
        chat: ChatServiceAsyncStub,
        publisher: ProgressPublisher,
        *,
        patience_seconds: float,
    ) -> None:
        self._chat = chat
        self._publisher = publisher
        self._patience = patience_seconds

    async def begin(self, job_id: str, messages: int) -> chat_service_pb2.BeginTurnResponse | None:
        """What a turn's answer needs; None when there is no such turn."""
        request = chat_service_pb2.BeginTurnRequest(job_id=job_id, max_messages=messages)
        try:
            return await self._patiently(self._chat.BeginTurn, request)
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.NOT_FOUND:
                return None
            raise

    async def append(self, job_id: str, answer: chat_pb2.AssistantAnswer) -> chat_pb2.Turn:
        """Store an answer; the turn as it is then."""
        request = chat_service_pb2.AppendTurnRequest(job_id=job_id, answer=answer)
        return (await self._patiently(self._chat.AppendTurn, request)).turn

    async def park(self, request: chat_service_pb2.ParkTurnRequest) -> chat_pb2.Turn:
        """Let a turn wait; the turn as it is then."""
        return (await self._patiently(self._chat.ParkTurn, request)).turn

    async def fail(self, task: chat_turn_pb2.ChatTurn, reason: str) -> None:
        """End a turn with a reason, unless it has ended, and publish how it ended. Repeatable."""
        request = chat_service_pb2.FailTurnRequest(job_id=task.job_id, error_reason=reason)
        try:
            turn = (await self._chat.FailTurn(request, timeout=CALL_SECONDS)).turn
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.NOT_FOUND:
                raise
            log.warning("a turn to be failed does not exist", job_id=task.job_id)
            turn = chat_pb2.Turn(status="failed", error_reason=reason)
        await self.publish_end(task, turn)

    async def publish_end(self, task: chat_turn_pb2.ChatTurn, turn: chat_pb2.Turn) -> None:
        """Publish how a turn ended. Those who miss it learn it from the chat service."""
        try:
            await self._publisher.open_job(
                task.job_id,
                domain="chat",
                user_id=task.user_id,
                events=(last_event(task.job_id, turn),),
            )
        except ProgressUnavailable as error:
            log.repeated(
                "the end of a turn was not published", job_id=task.job_id, error=str(error)
            )

    async def _patiently(self, call: UnaryUnaryMultiCallable[Q, R], request: Q) -> R:
        """The answer to a call, made again while the service is away; it may be repeated."""
        until, pause = time.monotonic() + self._patience, AGAIN_SECONDS
        while True:
            try:
                return await call(request, timeout=CALL_SECONDS)
            except grpc.aio.AioRpcError as error:
                if error.code() not in AWAY or time.monotonic() + pause > until:
                    raise
                log.repeated("the chat service is away, asking again", code=error.code().name)
            await asyncio.sleep(pause * random.uniform(0.8, 1.2))
            pause = min(pause * 2, AGAIN_MAX_SECONDS)


def last_event(job_id: str, turn: chat_pb2.Turn, *, fence: int = 0) -> ProgressEvent:
    """The event that ends the stream of a turn as it is stored."""
    if turn.status == COMPLETED:
        return ProgressEvent(
            job_id=job_id,
            domain="chat",
            stage=stages.DONE,
            status=stages.COMPLETED,
            fence=fence,
            result=turn.result_json,
        )
    text = CANCELLED_MESSAGE if turn.status == "cancelled" else turn.error_message
    if not text:
        text = meaning_of(reason_named(turn.error_reason or "STAGE_FAILED")).message_ko
    return ProgressEvent(
        job_id=job_id,
        domain="chat",
        stage=stages.DONE,
        status=stages.FAILED,
        fence=fence,
        result=json.dumps({"error": text}, ensure_ascii=False),
        message=text,
    )
