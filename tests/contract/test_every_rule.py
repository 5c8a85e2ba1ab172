"""Walks every HTTP rule and gRPC method of the descriptors through real Envoy and ext-authz."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable

import grpc
import grpc.aio
import pytest

from services.runtime.routes import Route
from tests.contract.cases import (
    EVENT_PATHS,
    EXPOSED_METHODS,
    HTTP_RULES,
    INTERNAL_METHODS,
    METHODS,
    PUBLIC_RULES,
    SESSION_METHODS,
    SESSION_RULES,
    HttpRule,
)
from tests.contract.edge import ORIGIN, Edge
from tests.contract.native import status_of_call
from tests.contract.statuses import assert_readable, assert_refused

USER = "5b0ff1e2-7f0c-4b56-9c39-64c7c45f7c11"
SESSION = "8a3c6a2e-0d5e-4d5e-8d69-0f6d41c3a9aa"
FORGED = "00000000-0000-0000-0000-00000000dead"
FORGERIES = {
    "x-user-id": FORGED,
    "X-User-Role": "admin",
    "x-auth-provider": "forged",
    "x-auth-request-user": "forged",
    "x-session-id": FORGED,
    "x-eco2-edge": "0",
    "x-envoy-original-path": "/forged",
    "x-http-status": "299",
    "forged-bin": "AAAA",
}
CREDENTIAL_NAMES = ("authorization", "cookie")


@pytest.fixture
async def channel(edge: Edge) -> AsyncIterator[grpc.aio.Channel]:
    async with grpc.aio.insecure_channel(edge.grpc_target) as opened:
        yield opened


async def native(
    channel: grpc.aio.Channel, route: Route, metadata: Iterable[tuple[str, str]] = ()
) -> grpc.StatusCode:
    """Call a method natively; the status it ends with."""
    return await status_of_call(channel, route.rpc, metadata, streaming=route.streaming)


@pytest.mark.parametrize("rule", HTTP_RULES, ids=str)
async def test_rule_reaches_its_method(edge: Edge, rule: HttpRule) -> None:
    answer = await edge.client.request(
        rule.verb,
        rule.path,
        content=rule.body,
        headers={**edge.signed_in(sub=USER, sid=SESSION), "origin": ORIGIN},
    )
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert_readable(answer)
    (reached,) = edge.services.reached(rule.route.rpc)
    assert reached.values("x-eco2-edge") == ["1"]
    for variable in rule.route.path.variables if rule.route.path else ():
        assert getattr(reached.request, variable), f"{variable} is bound from the path"


@pytest.mark.parametrize("rule", SESSION_RULES, ids=str)
async def test_session_rule_needs_a_token(edge: Edge, rule: HttpRule) -> None:
    answer = await edge.client.request(
        rule.verb, rule.path, content=rule.body, headers={"origin": ORIGIN}
    )
    assert_refused(answer, 401, "TOKEN_MISSING")
    assert edge.services.calls == []


@pytest.mark.parametrize("rule", PUBLIC_RULES, ids=str)
async def test_public_rule_needs_no_token_and_ignores_a_bad_one(edge: Edge, rule: HttpRule) -> None:
    for headers in ({}, {"authorization": "Bearer nonsense"}, {"cookie": "s_access=expired"}):
        answer = await edge.client.request(
            rule.verb, rule.path, content=rule.body, headers={**headers, "origin": ORIGIN}
        )
        assert answer.status_code == 200
        assert_readable(answer)
    assert len(edge.services.reached(rule.route.rpc)) == 3


@pytest.mark.parametrize("rule", HTTP_RULES, ids=str)
async def test_forged_identity_never_reaches_a_service(edge: Edge, rule: HttpRule) -> None:
    for token in ({}, edge.signed_in(sub=USER, sid=SESSION)):
        await edge.client.request(
            rule.verb, rule.path, content=rule.body, headers={**FORGERIES, **token}
        )
    for reached in edge.services.calls:
        assert set(reached.values("x-user-id")) <= {USER}
        assert set(reached.values("x-session-id")) <= {SESSION}
        assert set(reached.values("x-auth-provider")) <= {"google"}
        assert reached.values("x-eco2-edge") == ["1"]
        assert not reached.values("x-user-role")
        assert not reached.values("forged-bin")
        assert "/forged" not in reached.values("x-envoy-original-path")
        if rule.route.access == "session":
            assert reached.values("x-user-id") == [USER]
            assert not any(reached.values(name) for name in CREDENTIAL_NAMES)


@pytest.mark.parametrize("path", EVENT_PATHS)
async def test_event_stream_needs_a_token_and_gets_the_identity(edge: Edge, path: str) -> None:
    refused = await edge.client.get(path, headers={"origin": ORIGIN, **FORGERIES})
    assert_refused(refused, 401, "TOKEN_MISSING")
    answer = await edge.client.get(
        path,
        headers={
            **FORGERIES,
            "origin": ORIGIN,
            "cookie": f"s_refresh=r; s_access={edge.signer.token(sub=USER, sid=SESSION)}",
            "last-event-id": "17-0",
        },
    )
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/event-stream"
    assert_readable(answer)
    (reached,) = edge.bridge.calls
    assert reached.headers["x-user-id"] == USER
    assert reached.headers["x-session-id"] == SESSION
    assert reached.headers["last-event-id"] == "17-0"
    assert not set(CREDENTIAL_NAMES) & set(reached.headers)


@pytest.mark.parametrize(
    ("verb", "path"),
    [
        *[(rule.verb, rule.path) for rule in HTTP_RULES],
        *[("GET", path) for path in EVENT_PATHS],
        ("GET", "/api/v1/authz/ping"),
        ("GET", "/nowhere"),
        ("GET", "/images/scan/a.png"),
    ],
)
async def test_preflight_needs_no_token(edge: Edge, verb: str, path: str) -> None:
    answer = await edge.client.options(
        path,
        headers={
            "origin": ORIGIN,
            "access-control-request-method": verb,
            "access-control-request-headers": "content-type,x-frontend-origin",
        },
    )
    assert answer.status_code == 200
    assert_readable(answer)
    assert verb in answer.headers["access-control-allow-methods"]
    allowed = answer.headers["access-control-allow-headers"]
    assert {"content-type", "x-frontend-origin"} <= {n.strip() for n in allowed.split(",")}
    assert answer.headers["access-control-max-age"] == "600"
    assert edge.services.calls == []


async def test_foreign_origin_gets_no_cors_headers(edge: Edge) -> None:
    foreign = {"origin": "https://example.org"}
    for answer in (
        await edge.client.get("/api/v1/users/me", headers={**edge.signed_in(), **foreign}),
        await edge.client.get("/api/v1/users/me", headers=foreign),
        await edge.client.options(
            "/api/v1/users/me", headers={**foreign, "access-control-request-method": "GET"}
        ),
    ):
        assert not [name for name in answer.headers if name.startswith("access-control-allow")]


@pytest.mark.parametrize("route", INTERNAL_METHODS, ids=lambda r: r.rpc)
async def test_internal_method_is_not_reachable(
    edge: Edge, channel: grpc.aio.Channel, route: Route
) -> None:
    token = edge.signed_in()
    for path in (route.rpc, route.rpc.lower(), f"/api/v1{route.rpc}", f"{route.rpc}/"):
        answer = await edge.client.post(path, content=b"{}", headers={**token, "origin": ORIGIN})
        assert_refused(answer, 404, "ROUTE_NOT_FOUND")
    metadata = tuple(token.items())
    assert await native(channel, route) is grpc.StatusCode.UNIMPLEMENTED
    assert await native(channel, route, metadata) is grpc.StatusCode.UNIMPLEMENTED
    assert edge.services.calls == []


@pytest.mark.parametrize("route", EXPOSED_METHODS, ids=lambda r: r.rpc)
async def test_exposed_method_is_served_natively(
    edge: Edge, channel: grpc.aio.Channel, route: Route
) -> None:
    forged = tuple((k.lower(), v) for k, v in FORGERIES.items() if not k.endswith("-bin"))
    metadata = tuple(edge.signed_in(sub=USER, sid=SESSION).items())
    assert await native(channel, route, (*forged, *metadata)) is grpc.StatusCode.OK
    (reached,) = edge.services.reached(route.rpc)
    assert reached.values("x-eco2-edge") == ["1"]
    if route.access == "session":
        assert reached.values("x-user-id") == [USER]
        assert not reached.values("authorization")
    else:
        assert not reached.values("x-user-id")


@pytest.mark.parametrize("route", SESSION_METHODS, ids=lambda r: r.rpc)
async def test_session_method_needs_a_token_natively(
    edge: Edge, channel: grpc.aio.Channel, route: Route
) -> None:
    assert await native(channel, route) is grpc.StatusCode.UNAUTHENTICATED
    assert edge.services.calls == []


@pytest.mark.parametrize("route", METHODS, ids=lambda r: r.rpc)
async def test_json_cannot_be_posted_to_a_grpc_path(edge: Edge, route: Route) -> None:
    answer = await edge.client.post(route.rpc, json={}, headers=edge.signed_in())
    assert_refused(answer, 404, "ROUTE_NOT_FOUND", cors=False)
    assert edge.services.calls == []


@pytest.mark.parametrize(
    "path",
    [
        "/grpc.health.v1.Health/Check",
        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
        "/envoy.service.auth.v3.Authorization/Check",
    ],
)
async def test_platform_services_are_not_exposed(
    edge: Edge, channel: grpc.aio.Channel, path: str
) -> None:
    status = await status_of_call(channel, path, edge.signed_in().items())
    assert status is grpc.StatusCode.UNIMPLEMENTED


async def test_ping_is_answered_by_the_edge_to_whoever_is_signed_in(edge: Edge) -> None:
    refused = await edge.client.get("/api/v1/authz/ping", headers={"origin": ORIGIN})
    assert_refused(refused, 401, "TOKEN_MISSING")
    answer = await edge.client.get(
        "/api/v1/authz/ping", headers={**edge.signed_in(), "origin": ORIGIN}
    )
    assert answer.status_code == 200
    assert answer.json() == {"pong": True, "source": "edge"}
    assert_readable(answer)
