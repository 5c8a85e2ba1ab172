"""The ledger of points."""

from __future__ import annotations

import asyncio
import uuid
from datetime import UTC, datetime
from typing import Any

import pytest
from eco2.users.v1 import users_service_pb2 as pb

from services.runtime.cursor import Cursor
from tests.integration.backend import Refused
from tests.integration.users.conftest import Metadata, Users, as_user

pytestmark = pytest.mark.parts


async def add(
    users: Users, me: Metadata, reference: str, *, points: int = 10, reason: str = "scan"
) -> pb.AddPointsResponse:
    answer: pb.AddPointsResponse = await users.stub.AddPoints(
        pb.AddPointsRequest(user_id=me[0][1], points=points, reason=reason, reference=reference)
    )
    return answer


async def page(users: Users, me: Metadata, **fields: Any) -> pb.ListPointEntriesResponse:
    answer: pb.ListPointEntriesResponse = await users.stub.ListPointEntries(
        pb.ListPointEntriesRequest(**fields),
        metadata=me,
    )
    return answer


async def total(users: Users, me: Metadata) -> int:
    answer = await users.stub.GetMyPoints(pb.GetMyPointsRequest(), metadata=me)
    return int(answer.total)


async def test_one_fact_is_booked_once_however_often_it_comes(users: Users) -> None:
    me, job = await users.sign_in(), str(uuid.uuid4())
    answers = await asyncio.gather(*(add(users, me, job) for _ in range(20)))
    assert sum(answer.booked for answer in answers) == 1
    again = await add(users, me, job, points=999)  # the amount of the settings may have changed
    assert (again.booked, again.total) == (False, 10)
    assert await total(users, me) == 10


async def test_reasons_and_references_are_booked_apart(users: Users) -> None:
    me, job = await users.sign_in(), str(uuid.uuid4())
    assert (await add(users, me, job)).total == 10
    assert (await add(users, me, job, points=5, reason="correction")).total == 15
    assert (await add(users, me, str(uuid.uuid4()))).total == 25
    assert await total(users, me) == 25


async def test_points_come_with_the_grant_once_for_each_scan(users: Users) -> None:
    me, jobs = await users.sign_in(), [str(uuid.uuid4()) for _ in range(2)]

    def grant(job: str, user_id: str = me[0][1]) -> pb.CharacterGrant:
        return pb.CharacterGrant(
            user_id=user_id,
            character_id=str(uuid.uuid5(uuid.NAMESPACE_URL, "char-petty")),
            code="char-petty",
            name="페티",
            source="scan",
            points=10,
            reference=job,
        )

    request = pb.GrantCharactersRequest(
        grants=[grant(jobs[0]), grant(jobs[1]), grant(jobs[0], str(uuid.uuid4()))]
    )
    answers = await asyncio.gather(*(users.stub.GrantCharacters(request) for _ in range(5)))
    assert sum(answer.granted for answer in answers) == 1
    assert await total(users, me) == 20
    entries = (await page(users, me)).entries
    assert sorted(entry.reference for entry in entries) == sorted(jobs)
    assert {entry.reason for entry in entries} == {"scan"}


async def test_nobody_earns_nothing(users: Users) -> None:
    nobody = as_user(str(uuid.uuid4()))
    answer = await add(users, nobody, "x")
    assert (answer.booked, answer.total) == (False, 0)
    async with Refused("USER_NOT_FOUND"):
        await total(users, nobody)


@pytest.mark.parametrize(
    "fields",
    [{"points": 0}, {"points": -5}, {"points": 1001}, {"reason": "gift"}, {"reference": ""}],
)
async def test_bookings_that_make_no_sense_are_refused(
    users: Users, fields: dict[str, Any]
) -> None:
    good = {"user_id": str(uuid.uuid4()), "points": 1, "reason": "scan", "reference": "x"}
    fields = {**good, **fields}
    async with Refused("VALIDATION_FAILED"):
        await users.stub.AddPoints(pb.AddPointsRequest(**fields))


async def test_pages_show_every_booking_once_newest_first(users: Users) -> None:
    me = await users.sign_in()
    made = [f"job-{n}" for n in range(23)]
    for reference in made:
        await add(users, me, reference)
    seen: list[str] = []
    cursor: dict[str, str] = {}
    for size in (10, 10, 10):
        answer = await page(users, me, limit=size, **cursor)
        seen += [entry.reference for entry in answer.entries]
        if not answer.HasField("next_cursor"):
            break
        await add(users, me, f"late-{len(seen)}")  # moves no page
        cursor = {"cursor": answer.next_cursor}
    assert seen == made[::-1]
    newest = await page(users, me, limit=1)
    assert newest.entries[0].reference == "late-20"
    assert (newest.entries[0].points, newest.entries[0].reason) == (10, "scan")
    assert newest.entries[0].HasField("created_at")


async def test_a_list_that_fits_has_no_next_page(users: Users) -> None:
    me = await users.sign_in()
    empty = await page(users, me)
    assert not empty.entries
    assert not empty.HasField("next_cursor")
    await add(users, me, "only")
    assert not (await page(users, me, limit=1)).HasField("next_cursor")


async def test_cursors_of_others_and_garbage_are_refused(users: Users) -> None:
    me, other = await users.sign_in(), await users.sign_in()
    for reference in "ab":
        await add(users, other, reference)
    theirs = (await page(users, other, limit=1)).next_cursor
    of_another_list = Cursor(datetime.now(UTC), uuid.uuid4()).encode(me[0][1])
    for text in (
        theirs,
        of_another_list,
        "garbage",
        "=",
        theirs[:-4],
        "A" * 44,
        "한글",
        theirs[:-1] + "!",
    ):
        async with Refused("INVALID_CURSOR"):
            await page(users, me, cursor=text)
    async with Refused("VALIDATION_FAILED"):
        await page(users, me, cursor="x" * 257)
    for limit in (0, -1, 101):
        async with Refused("VALIDATION_FAILED"):
            await page(users, me, limit=limit)
