"""The four stages: what each does between taking a job up and handing it on."""

from __future__ import annotations

import asyncio
import time
from abc import abstractmethod
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Final, Generic, TypeVar

import grpc.aio
from eco2.character.v1 import character_service_pb2
from eco2.pipeline.v1 import scan_task_pb2
from eco2.scan.v1 import scan_pb2, scan_service_pb2
from google.protobuf.message import DecodeError, Message

from services.runtime import logs
from services.runtime.objectstore import ObjectStore
from streaming.kafka.consumer import Record, Retryable
from streaming.kafka.topics import (
    REWARD_GRANTED,
    SCAN_ANSWER,
    SCAN_REWARD,
    SCAN_RULE,
    SCAN_VISION,
    Topic,
)
from streaming.knowledge import Knowledge
from streaming.model.guard import Budget
from streaming.model.models import Models, Photo
from streaming.pipeline import answer, failures, metrics, reward, rule, vision
from streaming.pipeline.catalogue import Catalogue
from streaming.pipeline.endings import CALL_SECONDS, COMPLETED, last_event
from streaming.pipeline.stage import Stage, Surroundings
from streaming.progress import stages as progress
from streaming.progress.scripts import ProgressUnavailable
from streaming.progress.turn import Turn

if TYPE_CHECKING:
    from eco2.scan.v1.scan_service_pb2_grpc import ScanServiceAsyncStub

log = logs.get(__name__)

M = TypeVar("M", bound=Message)

Match = character_service_pb2.MatchCharacterResponse

REWARD_ATTEMPTS: Final = 3
"""Attempts for the sake of a reward; then the result is delivered without one: the user
waits for the answer, not for it. With the topic's delays of 1 and 5 s that is some ten seconds at
most."""


class Forwarding(Stage, Generic[M]):
    """A stage that adds an outcome to the task and sends it on."""

    topic: ClassVar[Topic]
    next_topic: ClassVar[Topic]
    keeps_outcome: ClassVar[bool]
    """Whether the outcome is worth a checkpoint, so that a repeat does not work it out again."""

    @abstractmethod
    async def outcome(self, task: scan_task_pb2.ScanTask) -> M:
        """The stage's own work."""

    @abstractmethod
    def member(self, task: scan_task_pb2.ScanTask) -> M:
        """The member of a task that holds this stage's outcome."""

    async def work(self, record: Record[scan_task_pb2.ScanTask], turn: Turn | None) -> None:
        """Work the outcome out, or take it from the checkpoint, and send the task on."""
        advanced = scan_task_pb2.ScanTask()
        advanced.CopyFrom(record.message)
        member = self.member(advanced)
        kept = None if turn is None else turn.checkpoint
        if kept and _parse(member, kept):
            self._count("resumed")
        else:
            member.CopyFrom(await self.outcome(record.message))
            self._count("done")
        if turn is not None:
            keep = member.SerializeToString() if self.keeps_outcome and not kept else None
            try:
                event = turn.event(progress.COMPLETED)
                finish = partial(self._turns.finish, turn, checkpoint=keep, event=event)
                if not await self._patiently(finish):
                    self._count("fenced")
                    return
            except ProgressUnavailable as error:
                log.repeated("progress was not published", stage=self.name, error=str(error))
        await self._producer.send(
            self.next_topic,
            record.key,
            advanced,
            headers={"traceparent": record.traceparent} if record.traceparent else None,
            deadline=record.deadline,
        )

    def _budget(self, seconds: float, task: scan_task_pb2.ScanTask) -> Budget:
        """Time for calls; waiting for the model may go on until the job is given up."""
        return Budget(work_seconds=seconds, patience_seconds=self.deadline(task) - time.time())


class VisionStage(Forwarding[scan_task_pb2.VisionOutcome]):
    """Asks a model what the photo shows."""

    name = "vision"
    next_name = "rule"
    topic = SCAN_VISION
    next_topic = SCAN_RULE
    keeps_outcome = True

    def __init__(self, surroundings: Surroundings, *, models: Models, photos: ObjectStore) -> None:
        super().__init__(surroundings)
        self._models = models
        self._photos = photos

    def member(self, task: scan_task_pb2.ScanTask) -> scan_task_pb2.VisionOutcome:
        """``vision``."""
        return task.vision

    async def outcome(self, task: scan_task_pb2.ScanTask) -> scan_task_pb2.VisionOutcome:
        """Classify the photo."""
        photo = Photo(
            url=task.image_url,
            content_type=task.image_content_type,
            read=lambda: self._photos.read(task.image_key, self._settings.image_max_bytes),
        )
        told = await self._models.vision(
            photo,
            task.user_input,
            model=task.model,
            budget=self._budget(self._settings.stage_vision_seconds, task),
        )
        return vision.outcome(told)


class RuleStage(Forwarding[scan_task_pb2.RuleOutcome]):
    """Finds the rule document."""

    name = "rule"
    next_name = "answer"
    topic = SCAN_RULE
    next_topic = SCAN_ANSWER
    keeps_outcome = False

    def __init__(self, surroundings: Surroundings, *, knowledge: Knowledge) -> None:
        super().__init__(surroundings)
        self._knowledge = knowledge

    def member(self, task: scan_task_pb2.ScanTask) -> scan_task_pb2.RuleOutcome:
        """``rule``."""
        return task.rule

    async def outcome(self, task: scan_task_pb2.ScanTask) -> scan_task_pb2.RuleOutcome:
        """Look the document up."""
        began = time.perf_counter()
        document = rule.document_for(self._knowledge, task)
        return rule.outcome(document, time.perf_counter() - began)


class AnswerStage(Forwarding[scan_task_pb2.AnswerOutcome]):
    """Asks a model to word what to do; without a rule document the answer is a fixed one."""

    name = "answer"
    next_name = "reward"
    topic = SCAN_ANSWER
    next_topic = SCAN_REWARD
    keeps_outcome = True

    def __init__(self, surroundings: Surroundings, *, models: Models, knowledge: Knowledge) -> None:
        super().__init__(surroundings)
        self._models = models
        self._knowledge = knowledge

    def member(self, task: scan_task_pb2.ScanTask) -> scan_task_pb2.AnswerOutcome:
        """``answer``."""
        return task.answer

    async def outcome(self, task: scan_task_pb2.ScanTask) -> scan_task_pb2.AnswerOutcome:
        """Word the answer."""
        document = rule.document_for(self._knowledge, task) if task.rule.document_id else None
        if document is None:
            return answer.without_rule(task, self._knowledge.taxonomy.unclassified.major)
        told = await self._models.answer(
            vision.seen_in(task),
            document,
            task.user_input,
            model=task.model,
            budget=self._budget(self._settings.stage_answer_seconds, task),
        )
        return answer.outcome(told)


class RewardStage(Stage):
    """Matches a character, stores the result, tells the world, and ends the job."""

    name = "reward"
    next_name = None
    topic: ClassVar[Topic] = SCAN_REWARD

    def __init__(
        self, surroundings: Surroundings, *, scan: ScanServiceAsyncStub, catalogue: Catalogue
    ) -> None:
        super().__init__(surroundings)
        self._scan = scan
        self._catalogue = catalogue

    async def work(self, record: Record[scan_task_pb2.ScanTask], turn: Turn | None) -> None:
        """Complete the job; the result can be read before `done` is published.

        The job is completed before the reward is announced, so that a job cancelled at the last
        moment earns nothing. A crash in between is made good by the redelivery.
        """
        task = record.message
        try:
            async with asyncio.timeout(self._settings.stage_reward_seconds):
                match = await self._match(record)
                request = scan_service_pb2.CompleteJobRequest(
                    job_id=task.job_id, result=reward.result(task, match)
                )
                answered = await self._scan.CompleteJob(request, timeout=CALL_SECONDS)
                job = answered.job
                await self._announce(task, job, match)
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.NOT_FOUND:
                log.warning("a job to be completed does not exist", job_id=task.job_id)
                return
            raise Retryable(failures.DEPENDENCY_UNAVAILABLE) from error
        except TimeoutError as error:
            raise Retryable(failures.DEPENDENCY_UNAVAILABLE) from error
        self._count("done")
        if turn is None:
            return
        try:
            end = last_event(task.job_id, job, self.name, fence=turn.fence)
            if job.status == COMPLETED:
                await self._turns.finish(turn, event=turn.event(progress.COMPLETED), more=(end,))
            else:
                await self._turns.finish(turn, event=end)
        except ProgressUnavailable as error:
            # repeated, so that `done` reaches those who wait for it; the job itself is complete
            raise Retryable(failures.DEPENDENCY_UNAVAILABLE) from error

    async def dead(self, record: Record[scan_task_pb2.ScanTask], reason: str) -> None:
        """Complete the job yet, if only the scan service was away: its answer is there, and until
        that service is back the job can't be failed either.
        """
        in_time = time.time() < self.deadline(record.message)
        if in_time and reason == failures.DEPENDENCY_UNAVAILABLE:
            await self.work(record, None)
        await super().dead(record, reason)

    async def conclude(self, task: scan_task_pb2.ScanTask, job: scan_pb2.Job) -> None:
        """Before the end is told, announce the reward of a job that had been completed: by an
        attempt that died before it could, or could not reach Kafka until the job's deadline.
        """
        await self._announce(task, job, None)
        await super().conclude(task, job)

    async def _announce(
        self, task: scan_task_pb2.ScanTask, job: scan_pb2.Job, match: Match | None
    ) -> None:
        """Announce the reward that a completed job's result was stored with. Repeatable: the grant
        is absorbed. `match` is what this attempt found; the result may be that of another one.
        """
        if job.status != COMPLETED:
            return
        if match is None and reward.is_stored_in(job):
            match = await self._catalogue.match(reward.question(task), CALL_SECONDS)
        if match is not None and match.HasField("character"):
            fact = reward.granted(task, match.character, time.time())
            await self._producer.send(REWARD_GRANTED, task.user_id, fact)
            metrics.REWARDS.labels("granted").inc()

    async def _match(self, record: Record[scan_task_pb2.ScanTask]) -> Match | None:
        """The character earned, if any."""
        task = record.message
        if not self._settings.reward_enabled or not reward.is_eligible(task):
            metrics.REWARDS.labels("none").inc()
            return None
        try:
            return await self._catalogue.match(reward.question(task), CALL_SECONDS)
        except grpc.aio.AioRpcError as error:
            if record.attempt < REWARD_ATTEMPTS:
                raise
            metrics.REWARDS.labels("unavailable").inc()
            log.repeated(
                "no reward, the catalogue is away", job_id=task.job_id, code=str(error.code())
            )
            return None


def _parse(into: Message, kept: bytes) -> bool:
    """Read a checkpoint; False when it is not one of this version."""
    try:
        into.ParseFromString(kept)
    except DecodeError:
        into.Clear()
        return False
    return True
