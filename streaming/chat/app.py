"""Puts the chat worker together."""

from __future__ import annotations

import asyncio
import os
import socket
from functools import partial
from typing import Final

from eco2.chat.v1.chat_service_pb2_grpc import ChatServiceStub

from services.runtime import redis_clients
from services.runtime.component import Background, Component
from services.runtime.context import ProcessContext
from services.runtime.objectstore import ObjectStore, ObjectStoreSettings
from streaming import knowledge
from streaming.chat.branches.registry import build_branches
from streaming.chat.service import TurnService
from streaming.chat.settings import ChatWorkerSettings
from streaming.chat.tools import Tools
from streaming.chat.work import Means
from streaming.chat.worker import ChatWorker
from streaming.kafka.connection import Connection
from streaming.kafka.consumer import Runner
from streaming.kafka.producer import shared_producer
from streaming.kafka.settings import KafkaSettings
from streaming.kafka.topics import CHAT_TURNS
from streaming.model.factory import build_models
from streaming.model.settings import ModelSettings
from streaming.progress.publisher import ProgressPublisher
from streaming.progress.turn import Turns

GROUP: Final = "chat"

_HANDLER_SECONDS: Final = 3600.0
"""A turn ends itself at its deadline; the runner's own limit lies far above."""


async def build(context: ProcessContext) -> Component:
    """The component."""
    settings = context.settings(ChatWorkerSettings)
    known = await asyncio.to_thread(knowledge.load)
    models = build_models(context.settings(ModelSettings), known)
    photos = ObjectStore(context.settings(ObjectStoreSettings))
    redis = context.redis("command")
    publisher = ProgressPublisher(redis)
    turns = Turns(
        redis,
        publisher,
        owner=f"{socket.gethostname()}:{os.getpid()}",
        ttl_seconds=settings.chat_lease_seconds,
    )
    means = Means(
        service=TurnService(
            ChatServiceStub(context.channel("chat")),
            publisher,
            patience_seconds=settings.chat_service_patience_seconds,
        ),
        models=models,
        tools=Tools(await build_branches(context, known, models)),
        photos=photos,
        settings=settings,
    )
    worker = ChatWorker(means, turns)
    runner = Runner(
        {CHAT_TURNS: worker.handle},
        group_id=GROUP,
        connection=Connection.from_settings(context.settings(KafkaSettings)),
        producer=await shared_producer(context),
        max_in_flight=settings.chat_in_flight,
        timeout_seconds=_HANDLER_SECONDS,
        on_dead=worker.dead,
    )

    async def close() -> None:
        await models.close()
        await photos.close()

    return Component(
        name="chat-worker",
        background=(
            Background(name="chat", run=runner.run),
            Background(name="chat-leases", run=turns.keep),
        ),
        checks={
            "kafka-chat": runner.ready,
            "redis": partial(redis_clients.check, redis),
        },
        drain=runner.drain,
        close=close,
    )
