"""Answering in one call: a turn like any other, in a hidden chat, and waiting for its end."""

from __future__ import annotations

import asyncio
import uuid

from eco2.chat.v1 import chat_service_pb2
from eco2.errors.v1.error_reason_pb2 import ErrorReason

from services.chat import refusals
from services.chat.ended import EndedTurns
from services.chat.settings import ChatSettings
from services.chat.state import Status
from services.chat.submission import Intake
from services.chat.turn import Turn
from services.chat.turns import TurnStore
from services.runtime import logs
from services.runtime.errors import DomainError, meaning_of, reason_named

log = logs.get(__name__)

OVERDUE = meaning_of(ErrorReason.ERROR_REASON_JOB_DEADLINE_EXCEEDED).name


class Asking:
    """Asks and waits."""

    def __init__(
        self, intake: Intake, turns: TurnStore, ended: EndedTurns, settings: ChatSettings
    ) -> None:
        self._intake = intake
        self._turns = turns
        self._ended = ended
        self._settings = settings
        self._leaving: set[asyncio.Task[bool]] = set()

    async def ask(self, request: chat_service_pb2.AskOnceRequest, user_id: uuid.UUID) -> Turn:
        """The completed turn of a question; DomainError with the reason when it failed.

        A caller that leaves takes the question along: nobody could read the answer.
        """
        job_id = uuid.uuid4()
        self._ended.expect(job_id)
        try:
            await self._intake.ask(request, user_id, job_id)
            turn = await self._wait(job_id)
        except asyncio.CancelledError:
            leaving = asyncio.create_task(self._turns.cancel(job_id))
            self._leaving.add(leaving)
            leaving.add_done_callback(self._leaving.discard)
            raise
        finally:
            self._ended.forget(job_id)
        if turn.status is Status.FAILED:
            raise _failure(turn)
        if turn.status is not Status.COMPLETED:
            raise refusals.job_not_found(str(job_id))
        return turn

    async def _wait(self, job_id: uuid.UUID) -> Turn:
        """The turn once it has ended; at its time it is failed, if the sweeper has not done so."""
        try:
            async with asyncio.timeout(self._settings.chat_ask_seconds) as scope:
                while True:
                    turn = await self._turns.get(job_id)
                    if turn is None:
                        raise refusals.job_not_found(str(job_id))
                    if turn.status.is_terminal:
                        return turn
                    await self._ended.heard(job_id)
        except TimeoutError:
            if not scope.expired():  # the database did not answer
                raise
            turn = await self._turns.fail(job_id, OVERDUE) or await self._turns.get(job_id)
            if turn is None:
                raise refusals.job_not_found(str(job_id)) from None
            return turn

    async def close(self) -> None:
        """Let cancellations come to their end."""
        if self._leaving:
            await asyncio.wait(self._leaving, timeout=1.0)


def _failure(turn: Turn) -> DomainError:
    """Why a turn failed, for its asker."""
    try:
        reason = reason_named(turn.error_reason or "")
        meaning_of(reason)
    except ValueError:
        reason = ErrorReason.ERROR_REASON_STAGE_FAILED
    metadata = {"job_id": str(turn.job_id)}
    return DomainError(reason, "the question was not answered", metadata=metadata)
