"""The caller's profile, changed and deleted."""

from __future__ import annotations

import asyncio
import random
import uuid

import grpc
import grpc.aio
import pytest
from eco2.pipeline.v1 import identity_events_pb2
from eco2.users.v1 import users_service_pb2 as pb

from tests.integration.backend import Refused
from tests.integration.users.conftest import Users, as_user
from tests.integration.users.records import read_all
from tests.wait import until

pytestmark = pytest.mark.parts

HELD_UP = """
SELECT count(*) FROM pg_locks
 WHERE NOT granted AND relation = 'outbox'::regclass AND mode = 'RowExclusiveLock'
"""


def number() -> str:
    return f"010{random.randrange(10**8):08d}"


async def update(
    users: Users, me: tuple[tuple[str, str], ...], **fields: str
) -> pb.UpdateMeResponse:
    answer: pb.UpdateMeResponse = await users.stub.UpdateMe(
        pb.UpdateMeRequest(**fields), metadata=me
    )
    return answer


async def test_update_answers_what_a_later_get_answers(users: Users) -> None:
    me = await users.sign_in(provider="naver", name="이름")
    typed = number()
    changed = await update(users, me, nickname="  🌱 새싹 ", phone_number=f"+82 {typed[1:]}")
    read = await users.stub.GetMe(pb.GetMeRequest(), metadata=me)
    assert changed.SerializeToString() == read.SerializeToString()
    assert read.username == read.display_name == read.nickname == "🌱 새싹"
    assert read.phone_number == f"{typed[:3]}-{typed[3:7]}-{typed[7:]}"
    assert read.provider == "naver"
    assert read.HasField("last_login_at")


async def test_what_is_not_given_stays(users: Users) -> None:
    me = await users.sign_in(nickname="처음")
    await update(users, me, phone_number=number())
    before = await update(users, me, nickname="나중")
    after = await update(users, me, phone_number=number())
    assert after.nickname == "나중"
    assert before.phone_number != after.phone_number


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({}, "NO_CHANGES_PROVIDED"),
        ({"nickname": ""}, "VALIDATION_FAILED"),
        ({"nickname": "   "}, "VALIDATION_FAILED"),
        ({"nickname": "a" * 121}, "VALIDATION_FAILED"),
        ({"nickname": "a\0b"}, "VALIDATION_FAILED"),
        ({"phone_number": "010"}, "VALIDATION_FAILED"),
        ({"phone_number": "0" * 21}, "VALIDATION_FAILED"),
        ({"phone_number": "02-1234-5678"}, "INVALID_PHONE_NUMBER"),
        ({"nickname": "good", "phone_number": "+1 202 555 0143"}, "INVALID_PHONE_NUMBER"),
    ],
)
async def test_a_refused_change_changes_nothing(
    users: Users, fields: dict[str, str], reason: str
) -> None:
    me = await users.sign_in(nickname="그대로")
    async with Refused(reason):
        await update(users, me, **fields)
    read = await users.stub.GetMe(pb.GetMeRequest(), metadata=me)
    assert read.nickname == "그대로"
    assert not read.HasField("phone_number")


async def test_the_longest_nickname_is_kept_whole(users: Users) -> None:
    longest = "🌱" * 120
    assert (await update(users, await users.sign_in(), nickname=longest)).nickname == longest


async def test_of_those_who_want_one_number_at_once_one_gets_it(users: Users) -> None:
    people = [await users.sign_in() for _ in range(8)]
    wanted = number()
    answers = await asyncio.gather(
        *(update(users, me, phone_number=wanted, nickname="경쟁") for me in people),
        return_exceptions=True,
    )
    winners = [i for i, answer in enumerate(answers) if isinstance(answer, pb.UpdateMeResponse)]
    assert len(winners) == 1
    for i, me in enumerate(people):
        if i in winners:
            await update(users, me, phone_number=wanted)  # one's own number is not taken
        else:
            async with Refused("PHONE_NUMBER_TAKEN"):
                await update(users, me, phone_number=wanted)


async def test_somebody_unknown_has_nothing_to_change(users: Users) -> None:
    me = as_user(str(uuid.uuid4()))
    async with Refused("USER_NOT_FOUND"):
        await update(users, me, nickname="유령")
    async with Refused("USER_NOT_FOUND"):
        await users.stub.DeleteMe(pb.DeleteMeRequest(), metadata=me)


async def test_who_has_no_account_has_no_list_of_characters(users: Users) -> None:
    async with Refused("USER_NOT_FOUND"):
        await users.stub.ListMyCharacters(
            pb.ListMyCharactersRequest(), metadata=as_user(str(uuid.uuid4()))
        )


async def test_first_sign_ins_at_once_are_told_as_one(users: Users, kafka_bootstrap: str) -> None:
    name = uuid.uuid4().hex
    request = pb.GetOrCreateFromOAuthRequest(provider="google", provider_user_id=name)
    answers = await asyncio.gather(*(users.stub.GetOrCreateFromOAuth(request) for _ in range(8)))
    (user_id,) = {answer.user.user_id for answer in answers}
    assert sum(answer.created for answer in answers) == 1

    async def told() -> bool:
        return bool(await read_all(kafka_bootstrap, "user.created", user_id))

    await until(told)
    assert len(await read_all(kafka_bootstrap, "user.created", user_id)) == 1


async def test_deletion_takes_everything_and_is_told_once(users: Users) -> None:
    me = await users.sign_in()
    user_id = me[0][1]
    await users.stub.AddPoints(
        pb.AddPointsRequest(user_id=user_id, points=10, reason="scan", reference="x")
    )
    answers = await asyncio.gather(
        *(users.stub.DeleteMe(pb.DeleteMeRequest(), metadata=me) for _ in range(6)),
        return_exceptions=True,
    )
    refused = [answer for answer in answers if isinstance(answer, grpc.aio.AioRpcError)]
    assert len(refused) == 5
    assert {error.code() for error in refused} == {grpc.StatusCode.NOT_FOUND}
    async with Refused("USER_NOT_FOUND"):
        await users.stub.GetMe(pb.GetMeRequest(), metadata=me)
    for table in ("social_accounts", "user_characters", "point_entries"):
        assert not await users.database.fetchval(
            f"SELECT count(*) FROM {table} WHERE user_id = $1",  # noqa: S608 - constants
            uuid.UUID(user_id),
        )


async def test_deletion_answers_204(users: Users) -> None:
    call = users.stub.DeleteMe(pb.DeleteMeRequest(), metadata=await users.sign_in())
    assert dict(await call.initial_metadata())["x-http-status"] == "204"
    await call


async def test_account_and_fact_are_written_together(users: Users) -> None:
    """What is not published yet stands in the outbox from the commit on."""
    async with users.database.acquire() as connection, connection.transaction():
        await connection.execute("LOCK TABLE outbox IN ACCESS EXCLUSIVE MODE")
        signing_in = asyncio.create_task(users.sign_in(provider="google"))

        async def held_up() -> bool:
            return bool(await connection.fetchval(HELD_UP))

        await until(held_up, what="the sign-in waiting for the outbox")
        assert not signing_in.done()
        known = await connection.fetchval("SELECT count(*) FROM accounts")
    me = await signing_in
    async with users.database.acquire() as connection:
        assert await connection.fetchval("SELECT count(*) FROM accounts") == known + 1
    assert (await users.stub.GetMe(pb.GetMeRequest(), metadata=me)).provider == "google"


async def test_facts_are_published_and_leave_the_outbox(users: Users, kafka_bootstrap: str) -> None:
    me = await users.sign_in(provider="google")
    user_id = me[0][1]
    await users.stub.DeleteMe(pb.DeleteMeRequest(), metadata=me)

    async def emptied() -> bool:
        left = await users.database.fetchval("SELECT count(*) FROM outbox WHERE key = $1", user_id)
        return bool(left == 0)

    await until(emptied)
    created = [
        identity_events_pb2.UserCreated.FromString(value)
        for value in await read_all(kafka_bootstrap, "user.created", user_id)
    ]
    assert [(fact.user_id, fact.provider) for fact in created] == [(user_id, "google")]
    deleted = [
        identity_events_pb2.UserDeleted.FromString(value)
        for value in await read_all(kafka_bootstrap, "user.deleted", user_id)
    ]
    assert [fact.user_id for fact in deleted] == [user_id]
    assert deleted[0].deleted_at.ToSeconds() >= created[0].created_at.ToSeconds() > 0
