"""Which facts earn how many points."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from typing import Any

import grpc
import grpc.aio
import pytest
from eco2.pipeline.v1 import scan_corrected_pb2
from eco2.users.v1 import users_service_pb2, users_service_pb2_grpc

from streaming.kafka.consumer import Poison, Record, Retryable
from streaming.kafka.topics import SCAN_CORRECTED
from streaming.workers.points import Points, PointsSettings

USER, JOB = str(uuid.uuid4()), str(uuid.uuid4())


class Users(users_service_pb2_grpc.UsersServiceServicer):
    """Notes bookings, or fails with a status."""

    def __init__(self) -> None:
        self.booked: list[tuple[str, str, str, int]] = []
        self.fails: grpc.StatusCode | None = None

    async def AddPoints(self, request: Any, context: Any) -> Any:
        if self.fails is not None:
            await context.abort(self.fails, "as told")
        self.booked.append((request.user_id, request.reason, request.reference, request.points))
        return users_service_pb2.AddPointsResponse(booked=True, total=request.points)


@pytest.fixture
async def users() -> AsyncIterator[tuple[Users, Any]]:
    double = Users()  # type: ignore[abstract]  # the worker calls nothing else
    server = grpc.aio.server()
    users_service_pb2_grpc.add_UsersServiceServicer_to_server(double, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    channel = grpc.aio.insecure_channel(f"127.0.0.1:{port}")
    yield double, users_service_pb2_grpc.UsersServiceStub(channel)
    await channel.close(None)
    await server.stop(0)


def points(stub: Any, **changes: int) -> Points:
    return Points(stub, PointsSettings().model_copy(update=changes))


def corrected(user_id: str = USER) -> Record[Any]:
    fact = scan_corrected_pb2.ScanCorrected(user_id=user_id, job_id=JOB)
    return Record(SCAN_CORRECTED, USER, fact, 1, None, "", 0, 0, SCAN_CORRECTED.name, {})


async def test_a_correction_earns_its_points(users: tuple[Users, Any]) -> None:
    double, stub = users
    await points(stub).corrected(corrected())
    assert double.booked == [(USER, "correction", JOB, 5)]


async def test_amounts_are_settings_and_zero_earns_nothing(users: tuple[Users, Any]) -> None:
    double, stub = users
    await points(stub, points_per_correction=0).corrected(corrected())
    assert not double.booked
    await points(stub, points_per_correction=7).corrected(corrected())
    assert double.booked == [(USER, "correction", JOB, 7)]


@pytest.mark.parametrize(
    ("status", "fate"),
    [
        (grpc.StatusCode.UNAVAILABLE, Retryable),
        (grpc.StatusCode.INTERNAL, Retryable),
        (grpc.StatusCode.INVALID_ARGUMENT, Poison),
    ],
)
async def test_what_is_not_booked_is_tried_again_unless_it_never_will_be(
    users: tuple[Users, Any], status: grpc.StatusCode, fate: type[Exception]
) -> None:
    double, stub = users
    double.fails = status
    with pytest.raises(fate):
        await points(stub).corrected(corrected())
