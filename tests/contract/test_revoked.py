"""A session that was ended opens nothing, whichever wire is asked and however it is shown."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator

import pytest

from tests.contract.edge import ORIGIN, Edge, running_edge
from tests.contract.statuses import assert_refused

ME = "/api/v1/users/me"


@pytest.fixture(scope="module", params=["http", "grpc"])
async def asked(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Edge]:
    folder = tmp_path_factory.mktemp("revoked")
    async with running_edge(folder, {"ECO2_EDGE_AUTHZ_WIRE": request.param}) as edge:
        yield edge


async def test_first_request_after_the_revocation_is_refused(asked: Edge) -> None:
    session = uuid.uuid4()
    token = asked.signer.token(sid=str(session))
    ways = ({"authorization": f"Bearer {token}"}, {"cookie": f"s_access={token}"})
    for way in ways:
        assert (await asked.client.get(ME, headers=way)).status_code == 200
    claims = asked.signer.claims()
    asked.revoked.revoke(session.bytes, claims["exp"])
    for way in ways:
        answer = await asked.client.get(ME, headers={**way, "origin": ORIGIN})
        assert_refused(answer, 401, "TOKEN_REVOKED")
    others = await asked.client.get(ME, headers=asked.signed_in())
    assert others.status_code == 200


async def test_public_routes_are_not_asked_for_a_session(asked: Edge) -> None:
    session = uuid.uuid4()
    headers = asked.signed_in(sid=str(session))
    asked.revoked.revoke(session.bytes, asked.signer.claims()["exp"])
    answer = await asked.client.get("/api/v1/auth/.well-known/jwks.json", headers=headers)
    assert answer.status_code == 200
