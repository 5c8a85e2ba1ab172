"""Ownership: characters that were earned become characters that are owned, and earn points.

Facts of ``reward.granted`` are handed to the users service, the grants in batches. It recognises a
grant or a booking it already has, so that a fact may be delivered any number of times.
"""

from __future__ import annotations

import asyncio
import uuid
from functools import partial
from typing import TYPE_CHECKING, Final

import grpc
import grpc.aio
from eco2.pipeline.v1 import reward_granted_pb2
from eco2.users.v1 import users_service_pb2
from eco2.users.v1.users_service_pb2_grpc import UsersServiceStub
from prometheus_client import Counter

from services.runtime import logs
from services.runtime.component import Background, Component
from services.runtime.context import ProcessContext
from streaming.kafka.connection import Connection
from streaming.kafka.consumer import Poison, Record, Retryable, Runner, Timing
from streaming.kafka.producer import shared_producer
from streaming.kafka.topics import REWARD_GRANTED
from streaming.workers.points import PointsSettings

if TYPE_CHECKING:
    from eco2.users.v1.users_service_pb2_grpc import UsersServiceAsyncStub

log = logs.get(__name__)

GROUP: Final = "ownership"
SCAN: Final = "scan"
"""Source of facts that earn points."""

BATCH_GRANTS: Final = 100
"""Grants of one call; the service takes up to 500."""

BATCH_SECONDS: Final = 0.25
"""How long a batch waits for more grants. The app shows a new character from the scan's own result
and lists the owned ones later, so nobody looks within that time; at 25 scans a second six grants
share one call and one transaction."""

CALL_SECONDS: Final = 10.0

_GRANTS: Final = Counter("ownership_grants_total", "Grants by outcome.", ["outcome"])
"""`outcome`: ``granted``, ``already_owned``, ``dropped`` (no such account), ``failed``."""


Batch = list[tuple[users_service_pb2.CharacterGrant, asyncio.Future[None]]]
"""Grants, and for each what its handler waits for."""


class Ownership:
    """Gathers grants into batches; each caller waits for the fate of its own."""

    def __init__(self, users: UsersServiceAsyncStub, points_per_scan: int) -> None:
        self._users = users
        self._points_per_scan = points_per_scan
        self._waiting: Batch = []
        self._timer: asyncio.TimerHandle | None = None
        self._calls: set[asyncio.Task[None]] = set()

    async def handle(self, record: Record[reward_granted_pb2.RewardGranted]) -> None:
        """Record one grant. Raises Retryable while the users service is away, Poison for a fact it
        will never take.
        """
        grant = grant_of(record.message, self._points_per_scan)
        loop = asyncio.get_running_loop()
        recorded: asyncio.Future[None] = loop.create_future()
        self._waiting.append((grant, recorded))
        if len(self._waiting) >= BATCH_GRANTS:
            self._flush()
        elif self._timer is None:
            self._timer = loop.call_later(BATCH_SECONDS, self._flush)
        await recorded

    def _flush(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        batch, self._waiting = self._waiting, []
        if batch:
            call = asyncio.create_task(self._send(batch), name="ownership-batch")
            self._calls.add(call)
            call.add_done_callback(partial(self._sent, batch))

    def _sent(self, batch: Batch, call: asyncio.Task[None]) -> None:
        """A call is over: nobody is left waiting, in whatever way it ended."""
        self._calls.discard(call)
        for _, recorded in batch:
            if not recorded.done():
                recorded.set_exception(Retryable("DEPENDENCY_UNAVAILABLE"))

    async def _send(self, batch: Batch) -> None:
        request = users_service_pb2.GrantCharactersRequest(grants=[grant for grant, _ in batch])
        try:
            answer = await self._users.GrantCharacters(request, timeout=CALL_SECONDS)
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.INVALID_ARGUMENT and len(batch) > 1:
                # one of them is bad: each for itself, so that the others are not held up
                await asyncio.gather(*(self._send([one]) for one in batch))
                return
            _GRANTS.labels("failed").inc(len(batch))
            log.repeated("grants were not recorded", count=len(batch), code=error.code().name)
            for _, recorded in batch:
                if not recorded.done():
                    recorded.set_exception(_failure(error))
            return
        _GRANTS.labels("granted").inc(answer.granted)
        _GRANTS.labels("already_owned").inc(answer.already_owned)
        _GRANTS.labels("dropped").inc(answer.dropped)
        for _, recorded in batch:
            if not recorded.done():  # its handler may have been cancelled meanwhile
                recorded.set_result(None)


def grant_of(
    fact: reward_granted_pb2.RewardGranted, points_per_scan: int
) -> users_service_pb2.CharacterGrant:
    """The grant a fact stands for, with the points of a rewarded scan.

    Poison when it names no user or character, or a scan that is none.
    """
    scanned = fact.source == SCAN and points_per_scan > 0
    try:
        user_id, character_id = uuid.UUID(fact.user_id), uuid.UUID(fact.character_id)
        reference = str(uuid.UUID(fact.job_id)) if scanned else ""
    except ValueError:
        raise Poison("VALIDATION_FAILED") from None
    if not fact.character_code:
        raise Poison("VALIDATION_FAILED")
    return users_service_pb2.CharacterGrant(
        user_id=str(user_id),
        character_id=str(character_id),
        code=fact.character_code,
        name=fact.character_name,
        type=fact.character_type,
        dialog=fact.character_dialog,
        source=fact.source,
        granted_at=fact.granted_at,
        points=points_per_scan if scanned else 0,
        reference=reference,
    )


def _failure(error: grpc.aio.AioRpcError) -> Exception:
    if error.code() is grpc.StatusCode.INVALID_ARGUMENT:
        return Poison("VALIDATION_FAILED")
    return Retryable("DEPENDENCY_UNAVAILABLE")


async def build(context: ProcessContext) -> Component:
    """The worker."""
    settings = context.settings(PointsSettings)
    users = UsersServiceStub(context.channel("users"))
    ownership = Ownership(users, settings.points_per_scan)
    runner = Runner(
        {REWARD_GRANTED: ownership.handle},
        group_id=GROUP,
        connection=Connection.from_settings(settings),
        producer=await shared_producer(context),
        max_in_flight=BATCH_GRANTS * 2,
        timeout_seconds=CALL_SECONDS * 2,
        timing=Timing(pace_seconds=BATCH_SECONDS),
    )
    return Component(
        name=GROUP,
        background=(Background(name=GROUP, run=runner.run),),
        checks={"kafka-ownership": runner.ready},
        drain=runner.drain,
    )
