"""The chat service as the worker calls it, and the ends of turns for those who watch."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

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

log = logs.get(__name__)

CALL_SECONDS: Final = 5.0
"""Time of one call to the chat service."""

COMPLETED: Final = "completed"
WAITING: Final = "waiting"
ENDED: Final = frozenset({COMPLETED, "failed", "cancelled"})
CANCELLED_MESSAGE: Final = "취소된 대화입니다."


class TurnService:
    """Calls raise ``grpc.aio.AioRpcError``."""

    def __init__(self, chat: ChatServiceAsyncStub, publisher: ProgressPublisher) -> None:
        self._chat = chat
        self._publisher = publisher

    async def begin(self, job_id: str, messages: int) -> chat_service_pb2.BeginTurnResponse | None:
        """What a turn's answer needs; None when there is no such turn."""
        request = chat_service_pb2.BeginTurnRequest(job_id=job_id, max_messages=messages)
        try:
            return await self._chat.BeginTurn(request, timeout=CALL_SECONDS)
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.NOT_FOUND:
                return None
            raise

    async def append(self, job_id: str, answer: chat_pb2.AssistantAnswer) -> chat_pb2.Turn:
        """Store an answer; the turn as it is then."""
        request = chat_service_pb2.AppendTurnRequest(job_id=job_id, answer=answer)
        return (await self._chat.AppendTurn(request, timeout=CALL_SECONDS)).turn

    async def park(self, request: chat_service_pb2.ParkTurnRequest) -> chat_pb2.Turn:
        """Let a turn wait; the turn as it is then."""
        return (await self._chat.ParkTurn(request, timeout=CALL_SECONDS)).turn

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
