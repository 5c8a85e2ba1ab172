"""Batches of grants and the fate of each one in them."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from typing import Any

import grpc.aio
import pytest
from eco2.pipeline.v1 import reward_granted_pb2
from eco2.users.v1 import users_service_pb2, users_service_pb2_grpc

from streaming.kafka.consumer import Poison, Record, Retryable
from streaming.kafka.topics import REWARD_GRANTED
from streaming.workers.ownership import BATCH_GRANTS, Ownership, grant_of


class Users(users_service_pb2_grpc.UsersServiceServicer):
    """Takes grants, refuses a code, or is away."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.away = False

    async def GrantCharacters(self, request: Any, context: Any) -> Any:
        if self.away:
            await context.abort(grpc.StatusCode.INTERNAL, "away")
        codes = [grant.code for grant in request.grants]
        if "bad" in codes:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "bad")
        self.batches.append(codes)
        return users_service_pb2.GrantCharactersResponse(granted=len(codes))


@pytest.fixture
async def users() -> AsyncIterator[tuple[Users, Ownership]]:
    double = Users()  # type: ignore[abstract]  # the worker calls nothing else
    server = grpc.aio.server()
    users_service_pb2_grpc.add_UsersServiceServicer_to_server(double, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    channel = grpc.aio.insecure_channel(f"127.0.0.1:{port}")
    yield double, Ownership(users_service_pb2_grpc.UsersServiceStub(channel), 10)
    await channel.close(None)
    await server.stop(0)


def record(code: str = "char-petty", **changes: str) -> Record[Any]:
    fields: dict[str, Any] = {
        "user_id": str(uuid.uuid4()),
        "character_id": str(uuid.uuid4()),
        "character_code": code,
    }
    fact = reward_granted_pb2.RewardGranted(**(fields | changes))
    return Record(REWARD_GRANTED, fact.user_id, fact, 1, None, "", 0, 0, "reward.granted", {})


async def test_grants_that_come_together_share_calls(users: tuple[Users, Ownership]) -> None:
    double, worker = users
    await asyncio.gather(*(worker.handle(record()) for _ in range(BATCH_GRANTS * 2 + 7)))
    assert sorted(map(len, double.batches)) == [7, BATCH_GRANTS, BATCH_GRANTS]


async def test_a_lonely_grant_does_not_wait_for_company(users: tuple[Users, Ownership]) -> None:
    double, worker = users
    async with asyncio.timeout(10.0):
        await worker.handle(record())
    assert double.batches == [["char-petty"]]


async def test_one_bad_grant_holds_up_no_other(users: tuple[Users, Ownership]) -> None:
    double, worker = users
    records = [record("a"), record("bad"), record("b")]
    results = await asyncio.gather(*map(worker.handle, records), return_exceptions=True)
    assert [type(found) for found in results] == [type(None), Poison, type(None)]
    assert sorted(code for batch in double.batches for code in batch) == ["a", "b"]


async def test_a_service_that_is_away_is_tried_again_later(users: tuple[Users, Ownership]) -> None:
    double, worker = users
    double.away = True
    with pytest.raises(Retryable):
        await worker.handle(record())


async def test_a_call_that_can_not_even_be_made_leaves_nobody_waiting() -> None:
    channel = grpc.aio.insecure_channel("127.0.0.1:1")
    worker = Ownership(users_service_pb2_grpc.UsersServiceStub(channel), 10)
    await channel.close(None)
    async with asyncio.timeout(10):
        with pytest.raises(Retryable):
            await worker.handle(record())


@pytest.mark.parametrize(
    "changes", [{"user_id": "nobody"}, {"character_id": ""}, {"character_code": ""}]
)
async def test_a_fact_without_user_or_character_is_poison(
    users: tuple[Users, Ownership], changes: dict[str, str]
) -> None:
    _, worker = users
    with pytest.raises(Poison):
        await worker.handle(record(**changes))


async def test_a_cancelled_handler_does_not_disturb_the_others(
    users: tuple[Users, Ownership],
) -> None:
    double, worker = users
    tasks = [asyncio.create_task(worker.handle(record())) for _ in range(3)]
    await asyncio.sleep(0)
    tasks[1].cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(found) for found in results] == [type(None), asyncio.CancelledError, type(None)]
    assert len(double.batches[0]) == 3


JOB = str(uuid.uuid4())


@pytest.mark.parametrize(
    ("source", "job_id", "per_scan", "earned"),
    [
        ("scan", JOB, 10, (10, JOB)),
        ("scan", JOB, 0, (0, "")),
        ("default-onboard", "", 10, (0, "")),
    ],
)
def test_only_rewarded_scans_carry_points(
    source: str, job_id: str, per_scan: int, earned: tuple[int, str]
) -> None:
    grant = grant_of(record(source=source, job_id=job_id).message, per_scan)
    assert (grant.points, grant.reference) == earned


@pytest.mark.parametrize("job_id", ["", "job-1"])
def test_a_scan_that_names_no_job_is_poison(job_id: str) -> None:
    with pytest.raises(Poison):
        grant_of(record(source="scan", job_id=job_id).message, 10)
