"""The chat service as a component."""

from __future__ import annotations

import asyncio
from functools import partial

from eco2.chat.v1.chat_service_pb2_grpc import add_ChatServiceServicer_to_server
from eco2.images.v1.images_service_pb2_grpc import ImagesServiceStub

from services.chat.announce import Announcer, turn_sender
from services.chat.asking import Asking
from services.chat.desk import Desk
from services.chat.ended import EndedTurns
from services.chat.erasure import Erasure
from services.chat.service import ChatService
from services.chat.settings import ChatSettings
from services.chat.store import ChatStore
from services.chat.submission import Intake
from services.chat.sweeper import Sweeper
from services.chat.turns import TurnStore
from services.chat.waiting import Waits
from services.runtime import database
from services.runtime.component import Background, Component, GrpcService
from services.runtime.context import ProcessContext
from services.runtime.limits import Limit, RateLimiter
from services.runtime.outbox import Outbox
from services.runtime.outbox_relay import Relay
from streaming.kafka.producer import shared_producer
from streaming.progress.endings import Endings
from streaming.progress.publisher import ProgressPublisher


async def build(context: ProcessContext) -> Component:
    """ChatService, its relay and its sweeper.

    Only PostgreSQL is needed to be ready: a message is accepted while Kafka, Redis or both are
    away.
    """
    settings = context.settings(ChatSettings)
    pool = await context.pool("chat")
    redis = context.redis("command")
    send = turn_sender(await shared_producer(context))

    outbox = Outbox("chat", pool, send)
    publisher = ProgressPublisher(redis)
    budget = settings.announce_seconds
    endings = Endings(publisher, "chat", budget_seconds=budget)
    chats, turns, waits = ChatStore(pool), TurnStore(pool, outbox), Waits(pool, outbox)
    intake = Intake(
        chats,
        turns,
        ImagesServiceStub(context.channel("images")),
        Announcer(publisher, budget_seconds=budget),
        outbox,
        settings,
    )
    ended = EndedTurns(pool)
    asking = Asking(intake, turns, ended, settings)
    service = ChatService(
        chats=chats,
        waits=waits,
        outbox=outbox,
        intake=intake,
        asking=asking,
        desk=Desk(turns, waits),
        endings=endings,
        erasure=Erasure(pool, redis, endings),
        messages=RateLimiter(redis, Limit("chat-message", settings.chat_messages_per_minute)),
        creates=RateLimiter(redis, Limit("chat-create", settings.chat_creates_per_minute)),
        settings=settings,
    )

    async def close() -> None:
        await asyncio.gather(asking.close(), outbox.close())

    return Component(
        name="chat",
        services=(
            GrpcService(
                full_name="eco2.chat.v1.ChatService",
                add=partial(add_ChatServiceServicer_to_server, service),
            ),
        ),
        background=(
            Background(name="chat-outbox", run=Relay("chat", pool, send).run),
            Background(name="chat-sweeper", run=Sweeper(pool, outbox, endings, settings).run),
            Background(name="chat-ended-turns", run=ended.run),
        ),
        checks={"postgres": partial(database.check, pool)},
        close=close,
    )
