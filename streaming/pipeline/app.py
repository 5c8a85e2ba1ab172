"""The stages as components. However many of them run in one process, they share one Kafka client.

Every assigned partition and every client costs CPU whether or not there is work, so stages register
with the process's :class:`StageSet`, and the first of them brings the runner along.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import partial
from typing import Any, Final

from eco2.character.v1.character_service_pb2_grpc import CharacterServiceStub
from eco2.pipeline.v1 import scan_task_pb2
from eco2.scan.v1.scan_service_pb2_grpc import ScanServiceStub

from services.runtime import redis_clients
from services.runtime.component import Background, Builder, Component
from services.runtime.context import ProcessContext
from services.runtime.objectstore import ObjectStore, ObjectStoreSettings
from streaming import knowledge
from streaming.kafka.connection import Connection, KafkaSettings
from streaming.kafka.consumer import Record, Runner, Timing
from streaming.kafka.producer import Producer, shared_producer
from streaming.kafka.topics import Topic
from streaming.model.factory import build_models
from streaming.model.models import Models
from streaming.model.settings import ModelSettings
from streaming.pipeline.catalogue import Catalogue
from streaming.pipeline.endings import Endings
from streaming.pipeline.settings import PipelineSettings
from streaming.pipeline.stage import Stage, Surroundings
from streaming.pipeline.stages import AnswerStage, RewardStage, RuleStage, VisionStage
from streaming.progress.publisher import ProgressPublisher
from streaming.progress.turn import Turns

GROUP: Final = "pipeline"

STAGES: Final = ("vision", "rule", "answer", "reward")

PACE_SECONDS: Final = 0.12
"""Shortest time between two polls that brought records. A scan takes four hops and ten seconds: it
can spare 60 ms a hop, and a fetch serves more of them. Without load nothing is delayed."""

_HANDLER_MARGIN_SECONDS: Final = 60.0
"""A handler may wait for the model until its job's deadline; the runner's own limit lies above."""


class StageSet:
    """The stages of one process: what they share, and the runner that reads for all of them."""

    def __init__(
        self,
        context: ProcessContext,
        settings: PipelineSettings,
        producer: Producer,
        known: knowledge.Knowledge,
        models: Models | None,
    ) -> None:
        redis = context.redis("command")
        publisher = ProgressPublisher(redis)
        owner = f"{socket.gethostname()}:{os.getpid()}"
        self._settings = settings
        self._producer = producer
        self._context = context
        self._redis = redis
        self._turns = Turns(redis, publisher, owner=owner, ttl_seconds=settings.stage_lease_seconds)
        self._scan = ScanServiceStub(context.channel("scan"))
        self._endings = Endings(self._scan, publisher)
        self._knowledge = known
        self._models = models
        self._photos: ObjectStore | None = None
        self._stages: dict[Topic, Stage] = {}
        self._runner: Runner | None = None

    def add(self, name: str) -> bool:
        """Take a stage on; True for the first one. KeyError for an unknown name."""
        make: Mapping[str, Callable[[], tuple[Topic, Stage]]] = {
            "vision": self._vision,
            "rule": self._rule,
            "answer": self._answer,
            "reward": self._reward,
        }
        topic, stage = make[name]()
        first = not self._stages
        self._stages[topic] = stage
        return first

    def component(self, name: str) -> Component:
        """The component that runs everything registered by the time it starts."""
        return Component(
            name=name,
            background=(
                Background(name="pipeline", run=self._run),
                Background(name="pipeline-leases", run=self._turns.keep),
            ),
            checks={
                "kafka-assignment": self._ready,
                "redis": partial(redis_clients.check, self._redis),
            },
            drain=self._drain,
            close=self._close,
        )

    @property
    def runner(self) -> Runner:
        """The runner of all stages, made when first asked for."""
        if self._runner is None:
            settings = self._settings
            asking = {VisionStage.topic.name, AnswerStage.topic.name}
            self._runner = Runner(
                {topic: stage.handle for topic, stage in self._stages.items()},
                group_id=GROUP,
                connection=Connection.from_settings(self._context.settings(KafkaSettings)),
                producer=self._producer,
                max_in_flight={
                    topic.name: settings.stage_in_flight
                    if topic.name in asking
                    else settings.stage_quick_in_flight
                    for topic in self._stages
                },
                timeout_seconds=settings.job_seconds + _HANDLER_MARGIN_SECONDS,
                on_dead=self._dead,
                timing=Timing(pace_seconds=PACE_SECONDS),
            )
        return self._runner

    async def _run(self) -> None:
        await self.runner.run()

    async def _ready(self) -> None:
        await self.runner.ready()

    async def _drain(self, seconds: float) -> None:
        await self.runner.drain(seconds)

    async def _close(self) -> None:
        if self._models is not None:
            await self._models.close()
        if self._photos is not None:
            await self._photos.close()

    async def _dead(self, record: Record[Any], reason: str) -> None:
        scan: Record[scan_task_pb2.ScanTask] = record
        await self._stages[record.topic].dead(scan, reason)

    def _model(self) -> Models:
        if self._models is None:
            self._models = build_models(self._context.settings(ModelSettings), self._knowledge)
        return self._models

    def _surroundings(self) -> Surroundings:
        return Surroundings(
            turns=self._turns,
            endings=self._endings,
            settings=self._settings,
            producer=self._producer,
        )

    def _vision(self) -> tuple[Topic, Stage]:
        self._photos = ObjectStore(self._context.settings(ObjectStoreSettings))
        stage = VisionStage(
            self._surroundings(),
            models=self._model(),
            photos=self._photos,
        )
        return VisionStage.topic, stage

    def _rule(self) -> tuple[Topic, Stage]:
        stage = RuleStage(self._surroundings(), knowledge=self._knowledge)
        return RuleStage.topic, stage

    def _answer(self) -> tuple[Topic, Stage]:
        stage = AnswerStage(
            self._surroundings(),
            models=self._model(),
            knowledge=self._knowledge,
        )
        return AnswerStage.topic, stage

    def _reward(self) -> tuple[Topic, Stage]:
        stage = RewardStage(
            self._surroundings(),
            scan=self._scan,
            catalogue=Catalogue(
                CharacterServiceStub(self._context.channel("character")),
                self._settings.catalogue_seconds,
            ),
        )
        return RewardStage.topic, stage


async def stage_set(context: ProcessContext) -> StageSet:
    """The process's set of stages."""

    async def make() -> StageSet:
        known = await asyncio.to_thread(knowledge.load)
        producer = await shared_producer(context)
        return StageSet(context, context.settings(PipelineSettings), producer, known, None)

    return await context.shared("pipeline:stages", make)


async def _build(context: ProcessContext, name: str) -> Component:
    stages = await stage_set(context)
    # the first stage of a process brings the runner, which takes the later ones along
    return stages.component(name) if stages.add(name) else Component(name=name)


build_vision: Callable[[ProcessContext], Awaitable[Component]] = partial(_build, name="vision")
build_rule: Callable[[ProcessContext], Awaitable[Component]] = partial(_build, name="rule")
build_answer: Callable[[ProcessContext], Awaitable[Component]] = partial(_build, name="answer")
build_reward: Callable[[ProcessContext], Awaitable[Component]] = partial(_build, name="reward")


def build_stages(names: Iterable[str] = STAGES) -> Builder:
    """Builder of one component that runs several stages."""
    chosen = tuple(names)

    async def build(context: ProcessContext) -> Component:
        stages = await stage_set(context)
        for name in chosen:
            stages.add(name)
        return stages.component(GROUP)

    return build
