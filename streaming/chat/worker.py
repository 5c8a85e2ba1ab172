"""A turn as a record: everything around its answering that makes it survive crashes and repeats.

One lease and one fence a turn, taken with the `intent` event. A worker that was frozen and comes
back finds its fence outdated with the first thing it tells, and stops; its successor goes on from
the checkpoint, and its first frame of text replaces what was told before. The end is published once
the chat service has stored it. A record of a round that is over is dropped.
"""

from __future__ import annotations

import asyncio
import time
from typing import Final

import grpc.aio
from eco2.pipeline.v1 import chat_turn_pb2

from services.runtime import logs
from services.runtime.errors import reason_named
from services.runtime.objectstore import ObjectNotFoundError
from streaming.chat import metrics
from streaming.chat.answering import Parked, answer
from streaming.chat.branch import NeedsInput
from streaming.chat.narration import Narration, Overtaken
from streaming.chat.service import COMPLETED, ENDED, WAITING, last_event
from streaming.chat.settings import ChatWorkerSettings
from streaming.chat.tools import BranchClosed
from streaming.chat.work import Means, TurnWork
from streaming.chat.worked import Worked
from streaming.kafka.consumer import DEADLINE_EXCEEDED, Record, Retryable
from streaming.model.provider import ModelError, ModelOutputInvalid, ModelRejected
from streaming.progress.event import ProgressEvent
from streaming.progress.scripts import ProgressUnavailable
from streaming.progress.turn import Held, Over, Turn, Turns
from streaming.progress.turn import Place as StagePlace

log = logs.get(__name__)

FIRST_STAGE: Final = "intent"
HELD_POLL_SECONDS: Final = 1.0
REDIS_POLL_SECONDS: Final = 0.5


class ChatWorker:
    """Handles the records of ``chat.turns``."""

    def __init__(self, means: Means, turns: Turns) -> None:
        self._means = means
        self._turns = turns
        self._settings: ChatWorkerSettings = means.settings

    async def handle(self, record: Record[chat_turn_pb2.ChatTurn]) -> None:
        """Take a turn to its end. Raises Retryable when a later attempt may work."""
        task = record.message
        if time.time() >= self.deadline(task):
            await self._fail(task, "JOB_DEADLINE_EXCEEDED")
            return
        while True:
            turn = await self._begin(record)
            if isinstance(turn, Over):
                metrics.TURNS.labels("over").inc()
                return
            try:
                await self._guarded(record, turn)
                return
            except Overtaken:
                # whoever has the turn now sees it through; if it has ended, nothing is left to do
                metrics.TURNS.labels("overtaken").inc()
            finally:
                if turn is not None:
                    await self._let_go(turn)

    async def dead(self, record: Record[chat_turn_pb2.ChatTurn], reason: str) -> None:
        """Fail the turn of a record that is given up."""
        await self._fail(record.message, _turn_reason(reason))

    def deadline(self, task: chat_turn_pb2.ChatTurn) -> float:
        """Unix time in seconds at which a turn is given up."""
        if task.deadline_ms:
            return task.deadline_ms / 1000
        return (task.submitted_at_ms / 1000 or time.time()) + self._settings.chat_turn_work_seconds

    async def _guarded(self, record: Record[chat_turn_pb2.ChatTurn], turn: Turn | None) -> None:
        """Work until the deadline, and stop at once when the lease goes to somebody else."""
        task, loop = record.message, asyncio.get_running_loop()
        lost = False

        def stop() -> None:
            nonlocal lost
            lost = True
            if not scope.expired():  # else the deadline has stopped the work
                scope.reschedule(loop.time())

        try:
            async with asyncio.timeout(max(0.0, self.deadline(task) - time.time())) as scope:
                if turn is not None:
                    turn.lost = stop
                try:
                    await self._work(record, turn)
                finally:
                    if turn is not None:
                        turn.lost = _nothing
        except (Overtaken, Retryable):
            raise
        except Exception as error:
            if not isinstance(error, TimeoutError) or not scope.expired():
                await self._failed(record, _cause(error))
            elif lost:
                raise Overtaken from None
            else:
                await self._fail(task, "JOB_DEADLINE_EXCEEDED")

    async def _failed(self, record: Record[chat_turn_pb2.ChatTurn], error: BaseException) -> None:
        """What follows from an error: the turn fails, or Retryable is raised."""
        reason, final = _verdict(error)
        if isinstance(error, Overtaken):
            raise error
        if final:
            await self._fail(record.message, reason)
            return
        if reason == "STAGE_FAILED":
            log.exception("a turn failed", job_id=record.message.job_id)
        metrics.TURNS.labels("retried").inc()
        raise Retryable(reason) from error

    async def _work(self, record: Record[chat_turn_pb2.ChatTurn], turn: Turn | None) -> None:
        task, settings = record.message, self._settings
        most = min(100, settings.chat_memory_messages + 40)
        begun = await self._means.service.begin(task.job_id, most)
        if begun is None:
            log.warning("a turn does not exist", job_id=task.job_id)
            return
        if begun.turn.status in ENDED:
            metrics.TURNS.labels("over").inc()
            await self._means.service.publish_end(task, begun.turn)
            return
        worked = self._restored(task, turn)
        waiting = begun.turn.status == WAITING
        if waiting or task.input.round < begun.turn.round:
            metrics.TURNS.labels("over").inc()
            if waiting and turn is not None and worked.asking is not None:
                # whoever let it wait may have died before it asked
                await self._ask(record, turn, worked.asking)
            return
        resumed = bool(worked.answer)
        narration = Narration(self._turns, turn, frame_seconds=settings.chat_frame_seconds)
        outcome = await answer(
            TurnWork.begin(
                self._means, task, begun, narration, worked, deadline=self.deadline(task)
            )
        )
        if isinstance(outcome, Parked):
            await self._parked(record, turn, outcome)
            return
        done = outcome.status == COMPLETED
        metrics.TURNS.labels(
            ("resumed" if resumed else "answered") if done else outcome.status
        ).inc()
        await self._publish(turn, last_event(task.job_id, outcome, fence=turn.fence if turn else 0))

    def _restored(self, task: chat_turn_pb2.ChatTurn, turn: Turn | None) -> Worked:
        """What an earlier attempt, or the round before the wait, has worked out."""
        kept = None if turn is None else Worked.from_bytes(turn.checkpoint)
        if kept is not None and kept.round == task.input.round:
            return kept
        carried = Worked.from_bytes(task.input.state) if task.HasField("input") else None
        worked = carried or Worked()
        worked.round, worked.asking = task.input.round, None
        return worked

    async def _parked(
        self, record: Record[chat_turn_pb2.ChatTurn], turn: Turn | None, parked: Parked
    ) -> None:
        metrics.TURNS.labels("parked").inc()
        if parked.turn.status in ENDED:
            end = last_event(parked.turn.job_id, parked.turn, fence=turn.fence if turn else 0)
            await self._publish(turn, end)
        elif turn is not None:
            await self._ask(record, turn, parked.asking)

    async def _ask(
        self, record: Record[chat_turn_pb2.ChatTurn], turn: Turn, asking: NeedsInput
    ) -> None:
        """Publish a question the turn waits with. Repeatable: it is told once a turn."""
        narration = Narration(self._turns, turn, frame_seconds=0.1)
        try:
            await narration.asks(asking)
        except ProgressUnavailable as error:
            if record.attempt <= len(record.topic.retry):
                raise Retryable("DEPENDENCY_UNAVAILABLE") from error
            # given up, or the turn would be failed: it goes on when it has waited long enough
            log.repeated("a question was not published", error=str(error))

    async def _publish(self, turn: Turn | None, end: ProgressEvent) -> None:
        """Publish the end; who watches without Redis learns it from the chat service."""
        if turn is None:
            return
        try:
            await self._turns.finish(turn, event=end)
        except ProgressUnavailable as error:
            # repeated, so that `done` reaches those who wait for it; the answer itself is stored
            raise Retryable("DEPENDENCY_UNAVAILABLE") from error

    async def _begin(self, record: Record[chat_turn_pb2.ChatTurn]) -> Turn | Over | None:
        """Take the turn up; None when Redis stays away for too long to wait for it."""
        task = record.message
        place = StagePlace(
            job_id=task.job_id,
            user_id=task.user_id,
            stage=FIRST_STAGE,
            domain="chat",
            traceparent=record.traceparent or task.traceparent,
        )
        until = time.monotonic() + self._settings.chat_redis_patience_seconds
        while True:
            try:
                found = await self._turns.begin(place)
            except ProgressUnavailable as error:
                if time.monotonic() >= until:
                    log.repeated("answering without Redis", error=str(error))
                    return None
                await asyncio.sleep(REDIS_POLL_SECONDS)
                continue
            if not isinstance(found, Held):
                return found
            if time.time() >= self.deadline(task):
                raise Retryable("LEASE_HELD")
            await asyncio.sleep(min(found.seconds + 0.01, HELD_POLL_SECONDS))

    async def _fail(self, task: chat_turn_pb2.ChatTurn, reason: str) -> None:
        metrics.TURNS.labels("failed").inc()
        await self._means.service.fail(task, reason)

    async def _let_go(self, turn: Turn) -> None:
        try:
            await self._turns.release(turn)
        except ProgressUnavailable as error:
            log.repeated("a lease was not given back", error=str(error))


def _cause(error: BaseException) -> BaseException:
    """What a group of failures is about: that the turn is somebody else's, else the first."""
    if not isinstance(error, BaseExceptionGroup):
        return error
    causes = [_cause(inner) for inner in error.exceptions]
    return next((cause for cause in causes if isinstance(cause, Overtaken)), causes[0])


def _verdict(error: BaseException) -> tuple[str, bool]:
    """The ErrorReason of an error, and whether no further attempt can help. Pure."""
    match error:
        case ModelRejected():
            return "MODEL_REJECTED", True
        case ModelOutputInvalid():
            # the answer's takes are used up
            return "MODEL_OUTPUT_INVALID", True
        case ModelError() | BranchClosed():
            return "MODEL_UNAVAILABLE", True
        case ObjectNotFoundError():
            return "IMAGE_NOT_FOUND", True
        case grpc.aio.AioRpcError():
            return "DEPENDENCY_UNAVAILABLE", False
        case _:
            return "STAGE_FAILED", False


def _turn_reason(text: str) -> str:
    """The ErrorReason a turn fails for when its record died with the reason `text`."""
    if text == DEADLINE_EXCEEDED:
        return "JOB_DEADLINE_EXCEEDED"
    try:
        reason_named(text)
    except ValueError:
        return "STAGE_FAILED"
    return text


def _nothing() -> None:
    """What a turn does when it is lost after its work."""
