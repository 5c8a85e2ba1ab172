"""Points: a rewarded scan and an accepted correction earn some, once each.

The users service recognises what it has booked by its reference, the id of the job, so that a fact
may be delivered any number of times. What was booked keeps its amount when the settings change.

Facts of ``scan.corrected`` are consumed here. Those of ``reward.granted`` have one consumer, the
ownership worker, whose grants carry their points: a second group on that topic would share its
retry topics and be handed the failures of the first.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Final

import grpc
import grpc.aio
from eco2.pipeline.v1 import scan_corrected_pb2
from eco2.users.v1 import users_service_pb2
from eco2.users.v1.users_service_pb2_grpc import UsersServiceStub
from prometheus_client import Counter
from pydantic import Field

from services.runtime import logs
from services.runtime.component import Background, Component
from services.runtime.context import ProcessContext
from streaming.kafka.connection import Connection
from streaming.kafka.consumer import Poison, Record, Retryable, Runner
from streaming.kafka.producer import shared_producer
from streaming.kafka.settings import KafkaSettings
from streaming.kafka.topics import SCAN_CORRECTED

if TYPE_CHECKING:
    from eco2.users.v1.users_service_pb2_grpc import UsersServiceAsyncStub

log = logs.get(__name__)

GROUP: Final = "points"
CORRECTION: Final = "correction"

CALL_SECONDS: Final = 10.0
MAX_IN_FLIGHT: Final = 50

_BOOKINGS: Final = Counter("points_bookings_total", "Bookings by reason and outcome.",
                           ["reason", "outcome"])  # fmt: skip
"""`outcome`: ``booked``, ``repeated`` (booked before, or no such account), ``failed``."""


class PointsSettings(KafkaSettings):
    """What earns how many points."""

    points_per_scan: int = Field(default=10, ge=0, le=1000)
    """Points of a scan that earned a character; 0: none."""

    points_per_correction: int = Field(default=5, ge=0, le=1000)
    """Points of the first correction of a scan; 0: none."""


class Points:
    """Turns facts into bookings."""

    def __init__(self, users: UsersServiceAsyncStub, settings: PointsSettings) -> None:
        self._users = users
        self._settings = settings

    async def corrected(self, record: Record[scan_corrected_pb2.ScanCorrected]) -> None:
        """Book a correction.

        Raises Retryable while the users service is away, Poison for a fact it will never take.
        """
        fact, points = record.message, self._settings.points_per_correction
        await self._book(fact.user_id, fact.job_id, CORRECTION, points)

    async def _book(self, user_id: str, job_id: str, reason: str, points: int) -> None:
        try:
            user_id, reference = str(uuid.UUID(user_id)), str(uuid.UUID(job_id))
        except ValueError:
            raise Poison("VALIDATION_FAILED") from None
        if not points:
            return
        request = users_service_pb2.AddPointsRequest(
            user_id=user_id, points=points, reason=reason, reference=reference
        )
        try:
            answer = await self._users.AddPoints(request, timeout=CALL_SECONDS)
        except grpc.aio.AioRpcError as error:
            _BOOKINGS.labels(reason, "failed").inc()
            if error.code() is grpc.StatusCode.INVALID_ARGUMENT:
                raise Poison("VALIDATION_FAILED") from error
            log.repeated("points were not booked", reason=reason, code=error.code().name)
            raise Retryable("DEPENDENCY_UNAVAILABLE") from error
        _BOOKINGS.labels(reason, "booked" if answer.booked else "repeated").inc()


async def build(context: ProcessContext) -> Component:
    """The worker."""
    settings = context.settings(PointsSettings)
    runner = Runner(
        {SCAN_CORRECTED: Points(UsersServiceStub(context.channel("users")), settings).corrected},
        group_id=GROUP,
        connection=Connection.from_settings(settings),
        producer=await shared_producer(context),
        max_in_flight=MAX_IN_FLIGHT,
        timeout_seconds=CALL_SECONDS * 2,
    )
    return Component(
        name=GROUP,
        background=(Background(name=GROUP, run=runner.run),),
        checks={"kafka-points": runner.ready},
        drain=runner.drain,
    )
