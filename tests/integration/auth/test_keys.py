from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import grpc
import grpc.aio
import jwt
import pytest
import pytest_asyncio
from eco2.auth.v1 import auth_service_pb2 as pb
from typer.testing import CliRunner

from mesh.local.ephemeral import EphemeralParts
from services.auth.key_store import KeyStore
from services.auth.keyring import Keyring, NotDueError
from services.auth.settings import AuthSettings
from services.cli.main import app
from tests.integration.auth.client import Client
from tests.integration.auth.conftest import two_replicas
from tests.serving import row
from tests.unit.auth.doubles import Generated
from tests.wait import until

pytestmark = pytest.mark.parts

Replicas = tuple[Client, Client]


@pytest_asyncio.fixture(scope="module")
async def rotating(parts: EphemeralParts) -> AsyncIterator[Replicas]:
    async with two_replicas(parts, parts.postgres_url("auth_keys")) as made:
        yield made


async def rotate(client: Client, force: bool = False) -> list[tuple[str, str]]:
    done = await client.auth.RotateSigningKey(pb.RotateSigningKeyRequest(force=force))
    return [(key.kid, key.state) for key in done.keys]


async def published(client: Client) -> list[str]:
    return [key.kid for key in (await client.auth.GetJwks(pb.GetJwksRequest())).keys]


async def must_wait(client: Client) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await rotate(client)
    assert refused.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert "is due at" in (refused.value.details() or "")


def signed_by(token: str) -> str:
    return str(jwt.get_unverified_header(token)["kid"])


async def test_a_rotation_voids_nothing_and_every_replica_follows(rotating: Replicas) -> None:
    one, two = rotating
    user_id, before = await one.sign_in()
    [old] = await published(two)
    assert signed_by(before.refresh_token) == old

    states = await rotate(one)
    new = states[1][0]
    assert states == [(old, "active"), (new, "next")]
    await must_wait(two)
    assert signed_by((await one.issue(user_id)).access_token) == old

    await row(one.database, "UPDATE auth.signing_keys SET created_at = now() - interval '11 min'")
    assert await rotate(two) == [(new, "active"), (old, "retired")]
    after = await two.issue(user_id)
    assert signed_by(after.access_token) == new
    # The first replica has not looked again, and knows the key since it was published.
    assert (await one.refresh(after.refresh_token)).status == "201"
    assert (await two.refresh(before.refresh_token)).status == "201"
    await must_wait(one)

    await row(
        one.database, "UPDATE auth.signing_keys SET retired_at = retired_at - interval '31 days'"
    )
    assert await rotate(one) == [(new, "active")]
    assert await published(one) == [new]


async def test_a_leaked_key_is_withdrawn_by_force(rotating: Replicas) -> None:
    one, two = rotating
    _, stolen = await one.sign_in()
    for _ in range(3):
        await rotate(one, force=True)
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await one.refresh(stolen.refresh_token)
    assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED
    # A replica that meets a token of a key it has not heard of looks again.
    fresh = (await one.sign_in())[1]
    await asyncio.sleep(1.0)  # the least time between two such looks
    assert (await two.refresh(fresh.refresh_token)).status == "201"
    assert signed_by(stolen.access_token) not in await published(two)


async def test_rotations_at_the_same_time_take_one_step_each(
    parts: EphemeralParts, rotating: Replicas
) -> None:
    pool = await rotating[0].context.pool("auth")
    now = datetime.now(UTC) + timedelta(days=400)
    rings = [
        Keyring(AuthSettings(), KeyStore(pool), clock=lambda: now, generate=Generated())
        for _ in range(4)
    ]
    results = await asyncio.gather(
        *(ring.rotate(force=False) for ring in rings), return_exceptions=True
    )
    assert sum(isinstance(result, NotDueError) for result in results) == 3
    found = await pool.fetch("SELECT state FROM signing_keys ORDER BY state")
    assert [r["state"] for r in found] == ["active", "next"]


async def test_replicas_hear_of_keys_within_seconds(rotating: Replicas) -> None:
    pool = await rotating[1].context.pool("auth")
    ring = Keyring(AuthSettings(key_poll_seconds=0.1), KeyStore(pool))
    known = await ring.states()
    following = asyncio.create_task(ring.run())
    try:
        await rotate(rotating[0], force=True)

        async def changed() -> bool:
            return await ring.states() != known

        await until(changed)
    finally:
        following.cancel()


async def test_the_command_line_lists_and_ends(rotating: Replicas) -> None:
    one, _ = rotating
    user_id, _ = await one.sign_in("phone")
    session = await one.issue(user_id, "tablet")

    async def eco2(*arguments: str) -> tuple[int, str]:
        environ = {"ECO2_GRPC_AUTH": one.context.address("auth")}
        done = await asyncio.to_thread(CliRunner().invoke, app, arguments, env=environ)
        return done.exit_code, done.output

    code, text = await eco2("sessions", "ls", user_id, "--json")
    assert code == 0, text
    assert [row["device_id"] for row in json.loads(text)] == ["tablet", "phone"]
    assert await eco2("sessions", "revoke", user_id, session.session_id) == (0, "ended 1\n")
    assert await eco2("sessions", "revoke", user_id, "--all", "--json") == (0, '{"revoked": 1}\n')
    assert (await eco2("sessions", "revoke", user_id))[0] == 2
    code, text = await eco2("keys", "ls", "--json")
    assert [key["kid"] for key in json.loads(text)] == await published(one)
    await eco2("keys", "rotate")  # publishes a next key, where none is published yet
    code, text = await eco2("keys", "rotate")
    assert code == 1
    assert "is due at" in text
