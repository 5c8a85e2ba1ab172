"""What clients see when parts behind the edge fail: a 5xx they can read, and never a pass."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import grpc.aio
import pytest

from services.runtime.http_server import HttpServer
from services.runtime.ports import HOST, port
from services.runtime.settings import RuntimeSettings
from tests.contract.cases import EVENT_PATHS, HTTP_RULES, PUBLIC_RULES
from tests.contract.edge import ORIGIN, Edge, running_edge
from tests.contract.native import status_of_call
from tests.contract.statuses import assert_refused
from tests.signing import Signer

SUBMIT = "/eco2.scan.v1.ScanService/SubmitScan"


def app(edge: Edge) -> dict[str, str]:
    """Headers of the signed-in app."""
    return {**edge.signed_in(), "origin": ORIGIN}


@pytest.fixture(scope="module")
async def failing(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Edge]:
    """An edge of its own, to break; services may take 1 s, and so may the authorization."""
    settings = {
        "ECO2_DEFAULT_DEADLINE_SECONDS": "1",
        "ECO2_FRONTEND_ORIGIN": ORIGIN,
        "ECO2_EDGE_AUTHZ_TIMEOUT_SECONDS": "1",
        "ECO2_AUTHZ_KEYS_UNKNOWN_SECONDS": "0.05",
    }
    async with running_edge(tmp_path_factory.mktemp("failing"), settings) as edge:
        yield edge


async def test_slow_service_is_504(failing: Edge) -> None:
    async def slow(request: Any, context: Any) -> Any:
        await asyncio.sleep(30)

    failing.services.behaviours[SUBMIT] = slow
    answer = await failing.client.post("/api/v1/scan", json={}, headers=app(failing))
    assert_refused(answer, 504, "DEADLINE_EXCEEDED")


async def test_grpc_timeout_of_a_native_caller_is_capped(failing: Edge) -> None:
    async def slow(request: Any, context: Any) -> Any:
        await asyncio.sleep(30)

    failing.services.behaviours[SUBMIT] = slow
    started = asyncio.get_running_loop().time()
    async with grpc.aio.insecure_channel(failing.grpc_target) as channel:
        status = await status_of_call(
            channel, SUBMIT, failing.signed_in().items(), timeout_seconds=60
        )
    assert status in (grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.UNAVAILABLE)
    assert asyncio.get_running_loop().time() - started < 10


async def test_token_of_a_new_key_is_accepted_at_once(failing: Edge) -> None:
    await asyncio.sleep(0.06)  # past the least time between two fetches, set to 0.05 s above
    new = Signer("rotated-in")
    failing.services.keys.append(new.jwk)
    answer = await failing.client.get(
        "/api/v1/users/me", headers={"authorization": f"Bearer {new.token()}"}
    )
    assert answer.status_code == 200


async def test_token_of_an_unknown_key_is_401_and_503_while_keys_cannot_be_had(
    failing: Edge,
) -> None:
    stranger = {"authorization": f"Bearer {Signer('nobodys').token()}", "origin": ORIGIN}
    refused = await failing.client.get("/api/v1/users/me", headers=stranger)
    assert_refused(refused, 401, "TOKEN_INVALID")

    async def away(request: Any, context: Any) -> Any:
        await context.abort(grpc.StatusCode.INTERNAL, "no keys today")

    usual = failing.services.behaviours["/eco2.auth.v1.AuthService/GetJwks"]
    failing.services.behaviours["/eco2.auth.v1.AuthService/GetJwks"] = away
    try:
        await asyncio.sleep(0.06)  # past the least time between two fetches, set to 0.05 s above
        unavailable = await failing.client.get("/api/v1/users/me", headers=stranger)
        assert_refused(unavailable, 503, "AUTHORIZATION_UNAVAILABLE")
        assert unavailable.headers["retry-after"] == "1"
        known = await failing.client.get("/api/v1/users/me", headers=app(failing))
        assert known.status_code == 200, "known keys stay in use"
    finally:
        failing.services.behaviours["/eco2.auth.v1.AuthService/GetJwks"] = usual


async def test_restart_of_ext_authz_is_not_noticed(failing: Edge) -> None:
    warm = await asyncio.gather(
        *(failing.client.get("/api/v1/users/me", headers=app(failing)) for _ in range(10))
    )
    assert {answer.status_code for answer in warm} == {200}
    await failing.restart_authz()
    answers = await asyncio.gather(
        *(failing.client.get("/api/v1/users/me", headers=app(failing)) for _ in range(10))
    )
    assert {answer.status_code for answer in answers} == {200}, "stale connections are replaced"


async def test_nothing_passes_while_ext_authz_is_down(failing: Edge) -> None:
    await failing.stop_authz()
    failing.services.calls.clear()
    failing.bridge.calls.clear()
    for rule in HTTP_RULES:
        if rule.route.access == "session":
            answer = await failing.client.request(
                rule.verb, rule.path, content=rule.body, headers=app(failing)
            )
            assert_refused(answer, 503, "AUTHORIZATION_UNAVAILABLE")
            assert answer.headers["retry-after"] == "1"
    for path in (*EVENT_PATHS, "/api/v1/authz/ping"):
        answer = await failing.client.get(path, headers=app(failing))
        assert_refused(answer, 503, "AUTHORIZATION_UNAVAILABLE")
    assert failing.services.calls == []
    assert failing.bridge.calls == []
    for rule in PUBLIC_RULES:
        answer = await failing.client.request(rule.verb, rule.path, headers={"origin": ORIGIN})
        assert answer.status_code == 200, "public rules do not depend on it"


async def test_hanging_ext_authz_is_503(failing: Edge) -> None:
    async def hang(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.sleep(5)

    await failing.stop_authz()
    hanging = HttpServer(hang, HOST, port("authz_http", failing.environ), RuntimeSettings())
    await hanging.start()
    try:
        answer = await failing.client.get("/api/v1/users/me", headers=app(failing))
        assert_refused(answer, 503, "AUTHORIZATION_UNAVAILABLE")
    finally:
        await hanging.stop(0)


async def test_service_that_is_down_is_503(failing: Edge) -> None:
    await failing.stop_services()
    (rule,) = PUBLIC_RULES[:1]
    answer = await failing.client.request(rule.verb, rule.path, headers={"origin": ORIGIN})
    assert_refused(answer, 503, "DEPENDENCY_UNAVAILABLE")
    assert answer.headers["retry-after"] == "1"
    # A browser that navigates gets a page of the app instead.
    page = await failing.client.get("/api/v1/auth/kakao/callback?code=x&state=y")
    assert page.status_code == 307
    assert page.headers["location"] == f"{ORIGIN}/#/login?error=unavailable"
    assert page.content == b""
    assert "content-type" not in page.headers
