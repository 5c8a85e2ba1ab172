"""An edge that asks ext-authz over gRPC behaves like the one that asks over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator

import grpc
import grpc.aio
import pytest

from tests.contract.cases import EVENT_PATHS, HTTP_RULES, PUBLIC_RULES, SESSION_METHODS
from tests.contract.edge import ORIGIN, Edge, running_edge
from tests.contract.native import status_of_call
from tests.contract.statuses import assert_readable, assert_refused
from tests.signing import Signer

USER = "5b0ff1e2-7f0c-4b56-9c39-64c7c45f7c11"
FORGED = {"x-user-id": "forged", "x-auth-provider": "forged", "x-session-id": "forged"}


@pytest.fixture(scope="module")
async def asking(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Edge]:
    settings = {"ECO2_EDGE_AUTHZ_WIRE": "grpc", "ECO2_EDGE_AUTHZ_TIMEOUT_SECONDS": "0.5"}
    async with running_edge(tmp_path_factory.mktemp("grpc-wire"), settings) as edge:
        yield edge


async def test_every_rule_keeps_its_access_and_gets_the_identity(asking: Edge) -> None:
    for rule in HTTP_RULES:
        asking.services.calls.clear()
        stranger = await asking.client.request(
            rule.verb, rule.path, content=rule.body, headers={**FORGED, "origin": ORIGIN}
        )
        if rule in PUBLIC_RULES:
            assert stranger.status_code == 200
            continue
        assert_refused(stranger, 401, "TOKEN_MISSING")
        assert asking.services.calls == []
        answer = await asking.client.request(
            rule.verb,
            rule.path,
            content=rule.body,
            headers={**FORGED, **asking.signed_in(sub=USER), "origin": ORIGIN, "cookie": "a=b"},
        )
        assert answer.status_code == 200
        assert_readable(answer)
        (reached,) = asking.services.reached(rule.route.rpc)
        assert reached.values("x-user-id") == [USER]
        assert reached.values("x-auth-provider") == ["google"]
        assert not reached.values("authorization")
        assert not reached.values("cookie")


async def test_cookies_are_understood(asking: Edge) -> None:
    token = asking.signer.token()
    for cookie, status in (
        (f"a=b; s_access={token}", 200),
        (f"s_access={token}; s_access=other", 401),
        (f"xs_access={token}", 401),
    ):
        answer = await asking.client.get("/api/v1/users/me", headers={"cookie": cookie})
        assert answer.status_code == status


async def test_event_streams_are_authorized(asking: Edge) -> None:
    for path in EVENT_PATHS:
        refused = await asking.client.get(path, headers={"origin": ORIGIN})
        assert_refused(refused, 401, "TOKEN_MISSING")
        assert (await asking.client.get(path, headers=asking.signed_in())).status_code == 200


async def test_native_calls_are_authorized(asking: Edge) -> None:
    async with grpc.aio.insecure_channel(asking.grpc_target) as channel:
        for route in SESSION_METHODS:
            refused = await status_of_call(channel, route.rpc, streaming=route.streaming)
            assert refused is grpc.StatusCode.UNAUTHENTICATED
            passed = await status_of_call(
                channel, route.rpc, asking.signed_in().items(), streaming=route.streaming
            )
            assert passed is grpc.StatusCode.OK


async def test_unknown_key_is_401(asking: Edge) -> None:
    stranger = {"authorization": f"Bearer {Signer('nobodys').token()}", "origin": ORIGIN}
    answer = await asking.client.get("/api/v1/users/me", headers=stranger)
    assert_refused(answer, 401, "TOKEN_INVALID")


async def test_nothing_passes_while_ext_authz_is_down(asking: Edge) -> None:
    await asking.stop_services()
    answer = await asking.client.get(
        "/api/v1/users/me", headers={**asking.signed_in(), "origin": ORIGIN}
    )
    assert_refused(answer, 503, "AUTHORIZATION_UNAVAILABLE")
