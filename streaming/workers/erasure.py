"""Erasure: when an account is gone, every domain removes what it keeps of the user.

The sessions end first, and with them whatever the user could still begin; after a pause for what is
under way the other domains are asked. Each of them removes what there is and is content when there
is nothing, so that a fact may be delivered any number of times and a half is taken up again. A fact
whose attempts are used up is replayed from the dead letter queue (``eco2 work dlq``).
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import grpc
import grpc.aio
from eco2.auth.v1 import auth_service_pb2
from eco2.auth.v1.auth_service_pb2_grpc import AuthServiceStub
from eco2.chat.v1 import chat_service_pb2
from eco2.chat.v1.chat_service_pb2_grpc import ChatServiceStub
from eco2.images.v1 import images_service_pb2
from eco2.images.v1.images_service_pb2_grpc import ImagesServiceStub
from eco2.pipeline.v1 import identity_events_pb2
from eco2.scan.v1 import scan_service_pb2
from eco2.scan.v1.scan_service_pb2_grpc import ScanServiceStub
from prometheus_client import Counter
from pydantic import Field

from services.runtime import logs
from services.runtime.component import Background, Component
from services.runtime.context import ProcessContext
from streaming.kafka.connection import Connection
from streaming.kafka.consumer import Poison, Record, Retryable, Runner
from streaming.kafka.producer import shared_producer
from streaming.kafka.settings import KafkaSettings
from streaming.kafka.topics import USER_DELETED

log = logs.get(__name__)

GROUP: Final = "erasure"

CALL_SECONDS: Final = 30.0
"""Budget of one domain. One that needs longer goes on where it stopped with the next attempt."""

MAX_IN_FLIGHT: Final = 8
"""Users erased at a time; nobody waits for it, and others need the databases."""

_ERASURES: Final = Counter("erasure_calls_total", "Domains asked, by outcome.",
                           ["domain", "outcome"])  # fmt: skip

Erase = Callable[[str], Awaitable[int]]
"""Removes everything a domain keeps of a user, by id; how many rows and objects that were."""


class ErasureSettings(KafkaSettings):
    """Settings of the erasure worker."""

    erasure_settle_seconds: float = Field(default=2.0, ge=0, le=30)
    """Pause between the end of the sessions and the erasure elsewhere: above what a revocation
    takes to the edge (< 1 s) and most calls take that were let in before."""


class Erasure:
    """Asks the domains, the one with the sessions first."""

    def __init__(
        self, sessions: tuple[str, Erase], others: Mapping[str, Erase], settle_seconds: float
    ) -> None:
        self._sessions = sessions
        self._others = others
        self._settle_seconds = settle_seconds

    async def handle(self, record: Record[identity_events_pb2.UserDeleted]) -> None:
        """Erase a user. Raises Retryable while any domain is away; the others are done by then."""
        try:
            user_id = str(uuid.UUID(record.message.user_id))
        except ValueError:
            raise Poison("VALIDATION_FAILED") from None
        ended = await self._erase(*self._sessions, user_id)
        await asyncio.sleep(self._settle_seconds)
        done = await asyncio.gather(
            *(self._erase(domain, erase, user_id) for domain, erase in self._others.items())
        )
        if not (ended and all(done)):
            raise Retryable("DEPENDENCY_UNAVAILABLE")

    async def _erase(self, domain: str, erase: Erase, user_id: str) -> bool:
        try:
            erased = await erase(user_id)
        except grpc.aio.AioRpcError as error:
            _ERASURES.labels(domain, "failed").inc()
            log.repeated("not erased", domain=domain, user_id=user_id, code=error.code().name)
            return False
        _ERASURES.labels(domain, "done").inc()
        log.info("erased", domain=domain, user_id=user_id, removed=erased)
        return True


async def give_up(record: Record[identity_events_pb2.UserDeleted], reason: str) -> None:
    """Say that a user is not wholly erased yet, before the fact waits as a dead letter."""
    _ERASURES.labels("all", "dead").inc()
    log.error("a user is not erased yet", user_id=record.key, reason=reason)


def calling(method: Any, request: Callable[..., Any]) -> Erase:
    """Calls the EraseUser of a domain."""

    async def erase(user_id: str) -> int:
        answer = await method(request(user_id=user_id), timeout=CALL_SECONDS)
        return int(answer.erased)

    return erase


async def build(context: ProcessContext) -> Component:
    """The worker."""
    settings = context.settings(ErasureSettings)
    auth = AuthServiceStub(context.channel("auth"))
    scan = ScanServiceStub(context.channel("scan"))
    chat = ChatServiceStub(context.channel("chat"))
    images = ImagesServiceStub(context.channel("images"))
    erasure = Erasure(
        ("auth", calling(auth.EraseUser, auth_service_pb2.EraseUserRequest)),
        {
            "scan": calling(scan.EraseUser, scan_service_pb2.EraseUserRequest),
            "chat": calling(chat.EraseUser, chat_service_pb2.EraseUserRequest),
            "images": calling(images.EraseUser, images_service_pb2.EraseUserRequest),
        },
        settings.erasure_settle_seconds,
    )
    runner = Runner(
        {USER_DELETED: erasure.handle},
        group_id=GROUP,
        connection=Connection.from_settings(settings),
        producer=await shared_producer(context),
        max_in_flight=MAX_IN_FLIGHT,
        on_dead=give_up,
        timeout_seconds=settings.erasure_settle_seconds + 2 * CALL_SECONDS + 5,
    )
    return Component(
        name=GROUP,
        background=(Background(name=GROUP, run=runner.run),),
        checks={"kafka-erasure": runner.ready},
        drain=runner.drain,
    )
