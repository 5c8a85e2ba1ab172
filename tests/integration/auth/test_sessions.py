from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, timedelta

import jwt
import pytest
from eco2.auth.v1 import auth_service_pb2 as pb
from eco2.pipeline.v1.identity_events_pb2 import SessionRevoked

from services.auth.settings import AuthSettings
from services.auth.sweeper import Sweeper
from tests.integration.auth.client import Client, Metadata, refusal
from tests.serving import row

pytestmark = pytest.mark.parts

Replicas = tuple[Client, Client]


async def age_rotations(client: Client, session_id: str, seconds: float) -> None:
    """Let the last rotations lie further back."""
    await row(
        client.database,
        "UPDATE auth.sessions SET superseded_at = ARRAY(SELECT t - make_interval(secs => $2) "
        "FROM unnest(superseded_at) t) WHERE id = $1",
        uuid.UUID(session_id),
        seconds,
    )


async def test_refresh_answers_null_with_201_and_two_cookies(replicas: Replicas) -> None:
    client, _ = replicas
    user_id, session = await client.sign_in()
    answer = await client.refresh(session.refresh_token)
    assert answer.status == "201"
    assert (answer.body.content_type, answer.body.data) == ("application/json", b"null")  # type: ignore[attr-defined]
    assert list(answer.cookies) == ["s_access", "s_refresh"]
    for name, minutes in (("s_access", 180), ("s_refresh", 43_200)):
        morsel = answer.cookies[name]
        assert (morsel["path"], morsel["samesite"], morsel["domain"]) == ("/", "Lax", "")
        assert morsel["httponly"] is True
        assert morsel["secure"] is True
        assert minutes * 60 - 3 <= int(morsel["max-age"]) <= minutes * 60
    access, refresh = answer.tokens
    assert {access, refresh}.isdisjoint({session.access_token, session.refresh_token})
    claims = jwt.decode(refresh, options={"verify_signature": False})
    assert (claims["sub"], claims["sid"]) == (user_id, session.session_id)


async def test_the_token_comes_from_cookie_then_header_then_bearer(replicas: Replicas) -> None:
    client, _ = replicas
    tokens = [(await client.sign_in())[1] for _ in range(3)]
    cookie, header, bearer = tokens
    sources: Metadata = (
        ("cookie", f"s_refresh={cookie.refresh_token}"),
        ("x-refresh-token", f"Bearer {header.refresh_token}"),
        ("authorization", f"Bearer {bearer.refresh_token}"),
    )
    for number, expected in enumerate(tokens):
        answer = await client.refresh_with(sources[number:])
        claims = jwt.decode(answer.tokens[1], options={"verify_signature": False})
        assert claims["sid"] == expected.session_id


async def test_fifty_parallel_refreshes_on_two_replicas_get_one_successor(
    replicas: Replicas,
) -> None:
    _, session = await replicas[0].sign_in()
    answers = await asyncio.gather(
        *(replicas[number % 2].refresh(session.refresh_token) for number in range(50))
    )
    assert {answer.status for answer in answers} == {"201"}
    assert len({answer.tokens for answer in answers}) == 1
    after = await replicas[1].refresh(answers[0].tokens[1])
    assert after.tokens != answers[0].tokens


async def test_a_straggler_gets_the_latest_pair_and_a_copy_ends_the_family(
    replicas: Replicas,
) -> None:
    client, other = replicas
    user_id, session = await client.sign_in()
    second = await client.refresh(session.refresh_token)
    third = await other.refresh(second.tokens[1])
    assert (await client.refresh(session.refresh_token)).tokens == third.tokens

    await age_rotations(client, session.session_id, 31)
    stolen = client.refresh_with(
        (("cookie", f"s_refresh={session.refresh_token}"), ("x-forwarded-for", "6.6.6.6, 1.2.3.4"))
    )
    assert await refusal(stolen) == ("TOKEN_REVOKED", "401")
    assert await refusal(other.refresh(third.tokens[1])) == ("TOKEN_REVOKED", "401")
    audit = await row(
        client.database,
        "SELECT event, user_id::text, address FROM auth.session_audits WHERE session_id = $1",
        uuid.UUID(session.session_id),
    )
    assert audit is not None
    assert tuple(audit) == ("reuse", user_id, "1.2.3.4")
    told = await revocation(client, session.session_id)
    assert (told.reason, told.user_id) == ("reuse", user_id)
    assert told.expires_at.seconds >= session.refresh_expires_at.seconds


async def revocation(client: Client, session_id: str) -> SessionRevoked:
    """The fact in the outbox, where it waits as Kafka is away."""
    found = await row(
        client.database,
        "SELECT payload FROM auth.outbox WHERE topic = 'auth.revocations' AND key = $1",
        session_id,
    )
    assert found is not None, "nothing in the outbox"
    return SessionRevoked.FromString(found["payload"])


async def test_without_a_token_it_says_so(replicas: Replicas) -> None:
    client, _ = replicas
    _, session = await client.sign_in()
    nothing: list[Metadata] = [
        (),
        (("cookie", "s_refresh="),),
        (("cookie", f"xs_refresh={session.refresh_token}"),),
        (("cookie", f"s_access={session.access_token}"),),
        (("authorization", f"Basic {session.refresh_token}"),),
    ]
    for metadata in nothing:
        assert await refusal(client.refresh_with(metadata)) == ("REFRESH_TOKEN_REQUIRED", "401")


async def test_a_quoted_cookie_counts_and_two_different_ones_do_not(replicas: Replicas) -> None:
    client, _ = replicas
    _, session = await client.sign_in()
    token = session.refresh_token
    twice = f"s_refresh={token}; s_refresh={(await client.sign_in())[1].refresh_token}"
    assert await refusal(client.refresh_with((("cookie", twice),))) == ("TOKEN_INVALID", "401")
    assert (await client.refresh_with((("cookie", f's_refresh="{token}"'),))).status == "201"


async def test_an_access_token_does_not_refresh(replicas: Replicas) -> None:
    client, _ = replicas
    _, session = await client.sign_in()
    refused = await refusal(client.refresh(session.access_token))
    assert refused == ("TOKEN_TYPE_MISMATCH", "401")


def ways_to_log_out(session: pb.IssueSessionResponse) -> Iterator[Metadata]:
    yield (("cookie", f"s_access={session.access_token}; s_refresh={session.refresh_token}"),)
    yield (("cookie", f"s_access={session.access_token}"),)
    yield (("cookie", f"s_refresh={session.refresh_token}; s_access=garbage"),)
    yield (("authorization", f"Bearer {session.access_token}"),)
    yield (("x-refresh-token", f"Bearer {session.refresh_token}"),)


@pytest.mark.parametrize("way", range(5))
async def test_logout_ends_the_session_of_any_token_of_it(replicas: Replicas, way: int) -> None:
    client, other = replicas
    user_id, session = await client.sign_in()
    answer = await client.logout(list(ways_to_log_out(session))[way])
    assert answer.status == "200"
    assert answer.lines == [
        "s_access=; Max-Age=0; Path=/; Secure; SameSite=Lax",
        "s_refresh=; Max-Age=0; Path=/; Secure; SameSite=Lax",
    ]
    assert await refusal(other.refresh(session.refresh_token)) == ("TOKEN_REVOKED", "401")
    told = await revocation(client, session.session_id)
    assert (told.reason, told.user_id) == ("logout", user_id)


@pytest.mark.parametrize(
    "metadata",
    [
        (),
        (("cookie", "s_access=garbage; s_refresh=a.b.c"),),
        (("authorization", "Bearer " + "x" * 30_000),),
        (("cookie", "=;;; ;s_refresh"),),
    ],
    ids=["nothing", "garbage", "oversized", "broken"],
)
async def test_logout_succeeds_whatever_it_is_shown(replicas: Replicas, metadata: Metadata) -> None:
    answer = await replicas[0].logout(metadata)
    assert answer.body.success is True  # type: ignore[attr-defined]
    assert answer.body.data.message == "Successfully logged out"  # type: ignore[attr-defined]
    assert len(answer.lines) == 2


async def test_logout_twice_is_told_once(replicas: Replicas) -> None:
    client, other = replicas
    _, session = await client.sign_in()
    cookie = (("cookie", f"s_refresh={session.refresh_token}"),)
    await asyncio.gather(*((client, other)[number % 2].logout(cookie) for number in range(6)))
    found = await row(
        client.database,
        "SELECT count(*), count(DISTINCT key) FROM auth.outbox WHERE key = $1",
        session.session_id,
    )
    assert found is not None
    assert tuple(found) == (1, 1)


async def test_logout_does_not_wait_for_a_broker_that_is_away(replicas: Replicas) -> None:
    client, _ = replicas
    _, session = await client.sign_in()
    started = time.monotonic()
    await client.logout((("cookie", f"s_refresh={session.refresh_token}"),))
    assert time.monotonic() - started < 5


async def test_sessions_are_listed_and_revoked_one_by_one_or_all(replicas: Replicas) -> None:
    client, other = replicas
    user_id, phone = await client.sign_in("phone")
    tablet = await client.issue(user_id, "tablet")
    laptop = await client.issue(user_id, "laptop")
    await other.refresh(phone.refresh_token)
    listed = await other.auth.ListSessions(pb.ListSessionsRequest(user_id=user_id))
    assert [s.device_id for s in listed.sessions] == ["phone", "laptop", "tablet"]
    assert {s.user_agent for s in listed.sessions} == {"browser"}

    one = pb.RevokeSessionRequest(
        user_id=user_id, session_id=tablet.session_id, reason="lost device"
    )
    assert (await client.auth.RevokeSession(one)).revoked == 1
    assert (await other.auth.RevokeSession(one)).revoked == 0
    assert await refusal(client.refresh(tablet.refresh_token)) == ("TOKEN_REVOKED", "401")
    everything = pb.RevokeSessionRequest(user_id=user_id)
    assert (await client.auth.RevokeSession(everything)).revoked == 2
    assert await refusal(client.refresh(laptop.refresh_token)) == ("TOKEN_REVOKED", "401")
    assert not (await client.auth.ListSessions(pb.ListSessionsRequest(user_id=user_id))).sessions
    assert (await revocation(client, tablet.session_id)).reason == "revoked"


async def test_nobody_revokes_the_session_of_another(replicas: Replicas) -> None:
    client, _ = replicas
    _, session = await client.sign_in()
    stranger, _ = await client.sign_in()
    for session_id in (session.session_id, str(uuid.uuid4())):
        request = pb.RevokeSessionRequest(user_id=stranger, session_id=session_id)
        refused = await refusal(client.auth.RevokeSession(request))
        assert refused == ("SESSION_NOT_FOUND", "404")
    assert (await client.refresh(session.refresh_token)).status == "201"


async def test_an_erased_user_leaves_nothing_but_the_news_of_it(replicas: Replicas) -> None:
    client, other = replicas
    user_id, session = await client.sign_in()
    await client.issue(user_id)
    await client.auth.RevokeSession(pb.RevokeSessionRequest(user_id=user_id))
    last = await client.issue(user_id)
    erased = await client.auth.EraseUser(pb.EraseUserRequest(user_id=user_id))
    assert erased.erased == 3 + 3 + 2  # sessions, sign-ins, endings
    assert (await client.auth.EraseUser(pb.EraseUserRequest(user_id=user_id))).erased == 0
    for table in ("sessions", "login_audits", "session_audits"):
        found = await row(
            client.database,
            f"SELECT count(*) FROM auth.{table} WHERE user_id = $1",  # noqa: S608
            uuid.UUID(user_id),
        )
        assert found is not None
        assert found[0] == 0
    for gone in (session, last):
        assert await refusal(other.refresh(gone.refresh_token)) == ("TOKEN_REVOKED", "401")
    assert (await revocation(client, last.session_id)).reason == "erased"


async def test_sessions_and_records_are_forgotten_in_time(replicas: Replicas) -> None:
    client, _ = replicas
    pool = await client.context.pool("auth")
    _, session = await client.sign_in()
    key = uuid.UUID(session.session_id)
    sweeper, end = Sweeper(pool, AuthSettings()), session.refresh_expires_at.ToDatetime(UTC)
    kept = "SELECT count(*) FROM sessions WHERE id = $1"
    records = "SELECT count(*) FROM login_audits WHERE session_id = $1"
    async with pool.acquire() as connection, connection.transaction():
        await sweeper.sweep(connection, end + timedelta(days=6))
        assert await connection.fetchval(kept, key) == 1
        await sweeper.sweep(connection, end + timedelta(days=8))
        assert await connection.fetchval(kept, key) == 0
        assert await connection.fetchval(records, key) == 1
        await sweeper.sweep(connection, end + timedelta(days=181))
        assert await connection.fetchval(records, key) == 0
