"""However a protected path is spelled, a stranger's request reaches no service."""

from __future__ import annotations

import asyncio

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.contract.cases import EVENT_PATHS, INTERNAL_METHODS, SESSION_METHODS, SESSION_RULES
from tests.contract.edge import Edge

TARGETS = [
    *[(rule.verb, rule.path) for rule in SESSION_RULES],
    *[("GET", path) for path in EVENT_PATHS],
    *[("POST", route.rpc) for route in (*SESSION_METHODS, *INTERNAL_METHODS)],
]
DETOURS = [
    "/.",
    "//",
    "/%2e",
    "/%2E%2e/..",
    "/x/..",
    "/auth/../",
    "/auth/.well-known/jwks.json/../../..",
    ";a=b",
    "%2f",
    "%5c",
    "\\",
    "%00",
    "%",
    "%zz",
    "?",
    "#",
    "%23",
    "%3f",
    "/healthz/ready/../..",
]


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    """A request for a protected path, its path and headers tampered with, without a token."""
    verb, path = draw(st.sampled_from(TARGETS))
    letters = list(path)
    for at in draw(st.lists(st.integers(1, len(letters) - 1), max_size=3, unique=True)):
        change = draw(st.sampled_from(["encode", "upper", "detour"]))
        if change == "encode" and len(letters[at]) == 1:
            letters[at] = f"%{ord(letters[at]):02x}"
        elif change == "upper":
            letters[at] = letters[at].upper()
        else:
            letters[at] = draw(st.sampled_from(DETOURS)) + letters[at]
    lines = draw(
        st.lists(
            st.sampled_from(
                [
                    "x-user-id: 5b0ff1e2-7f0c-4b56-9c39-64c7c45f7c11",
                    "x-eco2-edge: 0",
                    "x-original-url: /healthz/ready",
                    "x-rewrite-url: /healthz/ready",
                    "x-envoy-original-path: /healthz/ready",
                    "x-http-method-override: OPTIONS",
                    "content-type: application/grpc",
                    "content-type: application/json",
                    "content-type: application/grpc-web+proto",
                    "te: trailers",
                    "upgrade: h2c",
                    "origin: https://localhost:5173",
                    "cookie: s_access=a.b.c",
                    "authorization: Bearer eyJhbGciOiJub25lIn0.e30.",
                ]
            ),
            max_size=4,
            unique=True,
        )
    )
    verb = draw(st.sampled_from([verb, verb, verb, "OPTIONS", "HEAD", "POST"]))
    head = "".join(f"{line}\r\n" for line in ("host: x", "content-length: 0", *lines))
    return f"{verb} {''.join(letters)} HTTP/1.1\r\n{head}\r\n".encode()


@given(requests())
@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
async def test_no_spelling_lets_a_stranger_through(edge: Edge, request: bytes) -> None:
    edge.services.calls.clear()
    edge.bridge.calls.clear()
    try:
        status, headers, _ = await edge.raw(request)
    except asyncio.IncompleteReadError:
        status, headers = 0, {}  # the connection was closed, which lets nobody through either
    public = {"/eco2.auth.v1.AuthService/GetJwks"}
    assert {call.rpc for call in edge.services.calls} <= public
    assert edge.bridge.calls == []
    if not request.startswith(b"HEAD") and status >= 400:
        assert headers.get("content-type") == "application/json" or "grpc-status" in headers
