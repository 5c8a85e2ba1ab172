"""What the worker asks for: a turn with what came before it, and storing how it went on or ended.

Every call may be repeated: the first answer, end or wait of a round is the one that counts, and the
turn that comes back shows which that was.
"""

from __future__ import annotations

import uuid
from datetime import timedelta

from eco2.chat.v1 import chat_service_pb2

from services.chat import metrics, refusals
from services.chat.state import Status
from services.chat.turn import Memory, Turn
from services.chat.turns import TurnStore
from services.chat.waiting import Waits
from services.runtime import logs
from services.runtime.errors import meaning_of, reason_named

log = logs.get(__name__)


class Desk:
    """The worker's side of the domain."""

    def __init__(self, turns: TurnStore, waits: Waits) -> None:
        self._turns = turns
        self._waits = waits

    async def get(self, job_id: str) -> Turn:
        """A turn, whoever owns it; DomainError JOB_NOT_FOUND."""
        turn = await self._turns.get(job_uuid(job_id))
        if turn is None:
            raise refusals.job_not_found(job_id)
        return turn

    async def begin(self, job_id: str, most: int) -> tuple[Turn, Memory]:
        """A turn and what came before it."""
        turn = await self.get(job_id)
        memory = await self._turns.memory(turn, most)
        if memory is None:
            raise refusals.job_not_found(job_id)
        return turn, memory

    async def append(self, request: chat_service_pb2.AppendTurnRequest) -> Turn:
        """Store the answer of a turn, unless it has ended."""
        completed = await self._turns.complete(job_uuid(request.job_id), request.answer)
        if completed is None:
            return await self.get(request.job_id)
        metrics.ENDED.labels(Status.COMPLETED, "").inc()
        if completed.finished_at is not None:
            seconds = (completed.finished_at - completed.created_at).total_seconds()
            metrics.SECONDS.observe(seconds)
        return completed

    async def park(self, request: chat_service_pb2.ParkTurnRequest) -> Turn:
        """Make a turn wait for the user, unless that wait is over."""
        parked = await self._waits.park(
            job_uuid(request.job_id),
            request.round,
            request.input_type,
            request.question,
            request.state,
            timedelta(seconds=request.wait_seconds),
        )
        if parked is None:
            return await self.get(request.job_id)
        metrics.PARKED.labels(request.input_type).inc()
        return parked

    async def fail(self, request: chat_service_pb2.FailTurnRequest) -> Turn:
        """End a turn with a reason, unless it has ended."""
        try:
            meaning_of(reason_named(request.error_reason))
        except ValueError:
            raise refusals.invalid("error_reason", "is not an ErrorReason") from None
        failed = await self._turns.fail(
            job_uuid(request.job_id), request.error_reason, request.error_message
        )
        if failed is None:
            return await self.get(request.job_id)
        metrics.ENDED.labels(Status.FAILED, request.error_reason).inc()
        log.info("turn failed", job_id=request.job_id, reason=request.error_reason)
        return failed


def job_uuid(text: str) -> uuid.UUID:
    """A job id; one that is no UUID names no job."""
    try:
        return uuid.UUID(text)
    except ValueError:
        raise refusals.job_not_found(text) from None
