"""A stage as a consumer: everything around its work that makes a job survive crashes and repeats.

The order is what the guarantees rest on::

    lease + fence + `started`  →  work (or its checkpoint)  →  checkpoint + `completed` + lease back
    →  record for the next stage  →  return (the runner commits the offset)

A crash anywhere leads to a redelivery that goes on from the last step that was taken. Everything
is repeatable: events are deduplicated, paid results are kept, and whoever was overtaken is fenced
off and stops.
"""

from __future__ import annotations

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, TypeVar

from eco2.pipeline.v1 import scan_task_pb2
from eco2.scan.v1 import scan_pb2

from services.runtime import logs
from streaming.kafka.consumer import Record, Retryable
from streaming.kafka.producer import Producer
from streaming.pipeline import failures, metrics
from streaming.pipeline.endings import Endings
from streaming.pipeline.settings import PipelineSettings
from streaming.progress.scripts import ProgressUnavailable
from streaming.progress.turn import Held, Over, Place, Turn, Turns

log = logs.get(__name__)

T = TypeVar("T")

HELD_POLL_SECONDS: Final = 1.0
"""Longest pause between two looks at a lease somebody else holds."""

REDIS_POLL_SECONDS: Final = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What every stage of a process works with."""

    turns: Turns
    endings: Endings
    settings: PipelineSettings
    producer: Producer


class Stage(ABC):
    """One stage of the pipeline; its :meth:`handle` is what the Kafka runner calls."""

    name: str
    next_name: str | None

    def __init__(self, surroundings: Surroundings) -> None:
        self._turns = surroundings.turns
        self._endings = surroundings.endings
        self._settings = surroundings.settings
        self._producer = surroundings.producer
        self._seconds = metrics.SECONDS.labels(self.name)

    @abstractmethod
    async def work(self, record: Record[scan_task_pb2.ScanTask], turn: Turn | None) -> None:
        """Do the stage's work and hand the job on.

        `turn` is None while Redis is away: then there is no lease, and nothing is published.
        """

    async def handle(self, record: Record[scan_task_pb2.ScanTask]) -> None:
        """Take a job through this stage. Raises Retryable when a later attempt may work."""
        task = record.message
        if time.time() >= self.deadline(task):
            await self._fail(task, failures.JOB_DEADLINE_EXCEEDED)
            return
        turn = await self._begin(record)
        if isinstance(turn, Over):
            self._count("over")
            return
        began = time.perf_counter()
        try:
            await self._guarded(record, turn)
        except Retryable:
            self._count("retried")
            raise
        except Exception as error:
            found = failures.verdict(error, record.attempt)
            if isinstance(found, failures.Fail):
                await self._fail(task, found.reason)
                return
            self._count("retried")
            if found.reason == failures.STAGE_FAILED:
                log.exception("a stage failed", stage=self.name, job_id=task.job_id)
            raise Retryable(found.reason, delay_seconds=found.delay_seconds) from error
        finally:
            if turn is not None:
                await self._let_go(turn)
        self._seconds.observe(time.perf_counter() - began)

    async def dead(self, record: Record[scan_task_pb2.ScanTask], reason: str) -> None:
        """Fail the job of a record that is given up."""
        await self._fail(record.message, failures.job_reason(reason))

    def deadline(self, task: scan_task_pb2.ScanTask) -> float:
        """Unix time in seconds at which a job is given up."""
        if task.deadline_ms:
            return task.deadline_ms / 1000
        if task.submitted_at_ms:
            return task.submitted_at_ms / 1000 + self._settings.job_seconds
        return float("inf")

    def _count(self, outcome: str) -> None:
        metrics.jobs(self.name, outcome).inc()

    async def _fail(self, task: scan_task_pb2.ScanTask, reason: str) -> None:
        self._count("failed")
        await self.conclude(task, await self._endings.fail(task, self.name, reason))

    async def conclude(self, task: scan_task_pb2.ScanTask, job: scan_pb2.Job) -> None:
        """Do what is left to do for a job that has ended. Repeatable."""
        await self._endings.publish(task, job, self.name)

    async def _guarded(self, record: Record[scan_task_pb2.ScanTask], turn: Turn | None) -> None:
        """Work, and stop at once when the lease goes to somebody else."""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(None) as scope:
            if turn is not None:
                turn.lost = lambda: scope.reschedule(loop.time())
            try:
                await self.work(record, turn)
            except asyncio.CancelledError:
                if scope.expired():
                    raise Retryable(failures.LEASE_LOST) from None
                raise
            finally:
                if turn is not None:
                    turn.lost = _nothing

    async def _begin(self, record: Record[scan_task_pb2.ScanTask]) -> Turn | Over | None:
        """Take the stage up; None when Redis stays away for too long to wait for it.

        A lease in other hands is waited for in place: its holder either finishes, which shows, or
        is dead, and then the lease runs out. Waiting costs no attempt.
        """
        task = record.message
        place = Place(
            job_id=task.job_id,
            user_id=task.user_id,
            stage=self.name,
            next_stage=self.next_name,
            traceparent=record.traceparent,
        )
        while True:
            try:
                found = await self._patiently(lambda: self._turns.begin(place))
            except ProgressUnavailable as error:
                log.repeated("working without Redis", stage=self.name, error=str(error))
                return None
            if not isinstance(found, Held):
                return found
            if time.time() >= self.deadline(task):
                raise Retryable(failures.LEASE_HELD)
            await asyncio.sleep(min(found.seconds + 0.01, HELD_POLL_SECONDS))

    async def _patiently(self, ask: Callable[[], Awaitable[T]]) -> T:
        """What Redis answers, asked again while it is away; ProgressUnavailable when it stays away.

        A restart of Redis then costs no event.
        """
        until = time.monotonic() + self._settings.stage_redis_patience_seconds
        while True:
            try:
                return await ask()
            except ProgressUnavailable:
                if time.monotonic() >= until:
                    raise
                await asyncio.sleep(REDIS_POLL_SECONDS)

    async def _let_go(self, turn: Turn) -> None:
        try:
            await self._turns.release(turn)
        except ProgressUnavailable as error:
            log.repeated("a lease was not given back", stage=self.name, error=str(error))


def _nothing() -> None:
    """What a turn does when it is lost after its work."""
