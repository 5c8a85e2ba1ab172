"""Both wires of ext-authz give the same answer to the same request."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from envoy.service.auth.v3 import external_auth_pb2
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.authz.authorizer import Authorizer
from edge.authz.decision import NothingRevoked
from edge.authz.grpc_wire import Authorization
from edge.authz.http_wire import PREFIX, REMOVE, application
from edge.authz.keyring import Keyring
from edge.authz.rules import AccessRules
from edge.authz.tokens import Keys, TokenPolicy, VerifiedTokens
from services.runtime.routes import table
from tests.contract.cases import EVENT_PATHS, HTTP_RULES, METHODS
from tests.signing import AUDIENCE, ISSUER, Signer

NOW = 1_800_000_000.0
ORIGIN = "https://localhost:5173"
ORIGINS = frozenset({ORIGIN})
SIGNER, UNKNOWN = Signer(), Signer("unknown")


def authorizer() -> Authorizer:
    """One that knows a key, and whose issuer has no other."""
    keys: Keys = {SIGNER.kid: SIGNER.key.public_key()}

    async def fetch() -> Keys:
        return keys

    tokens = VerifiedTokens(TokenPolicy(ISSUER, AUDIENCE), 1000)
    tokens.replace_keys(keys)
    keyring = Keyring(
        fetch,
        tokens.replace_keys,
        lambda: NOW,
        refresh_seconds=60,
        retry_seconds=1,
        unknown_seconds=5,
    )
    return Authorizer(AccessRules(table()), tokens, keyring, NothingRevoked(), lambda: NOW)


@dataclass
class Outcome:
    """What Envoy does after an answer, whichever wire brought it."""

    status: int
    set_headers: dict[str, str] = field(default_factory=dict)
    removed: frozenset[str] = frozenset()
    body: str = ""


async def over_http(app: Any, verb: str, path: str, headers: list[tuple[str, str]]) -> Outcome:
    """Ask as Envoy's http_service does."""
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": verb,
        "raw_path": PREFIX + path.partition("?")[0].encode(),
        "headers": [(k.encode(), v.encode("latin-1")) for k, v in headers],
    }
    await app(scope, None, send)
    head, tail = sent
    pairs = dict(head["headers"])
    removed = pairs.pop(REMOVE, b"").decode()
    assert int(pairs.pop(b"content-length")) == len(tail["body"])
    return Outcome(
        head["status"],
        {k.decode(): v.decode("latin-1") for k, v in pairs.items()},
        frozenset(removed.split(",")) if removed else frozenset(),
        tail["body"].decode(),
    )


async def over_grpc(
    servicer: Authorization, verb: str, path: str, headers: list[tuple[str, str]]
) -> Outcome:
    """Ask as Envoy's grpc_service does: repeated headers are joined."""
    check = external_auth_pb2.CheckRequest()
    http = check.attributes.request.http
    http.method, http.path = verb, path
    for name, value in headers:
        separator = "; " if name == "cookie" else ","
        http.headers[name] = (
            f"{http.headers[name]}{separator}{value}" if name in http.headers else value
        )
    made = await servicer.Check(check, None)
    wire = external_auth_pb2.CheckResponse.FromString(made.SerializeToString())
    if wire.HasField("ok_response"):
        assert wire.status.code == 0
        return Outcome(
            200,
            {h.header.key: h.header.value for h in wire.ok_response.headers},
            frozenset(wire.ok_response.headers_to_remove),
        )
    assert wire.status.code != 0
    denied = wire.denied_response
    return Outcome(
        denied.status.code,
        {h.header.key: h.header.value for h in denied.headers},
        frozenset(),
        denied.body,
    )


TOKENS = [
    SIGNER.sign(SIGNER.claims(NOW)),
    SIGNER.sign(SIGNER.claims(NOW, provider="kakao")),
    SIGNER.sign(SIGNER.claims(NOW, exp=NOW - 60)),
    SIGNER.sign(SIGNER.claims(NOW, type="refresh")),
    SIGNER.sign(SIGNER.claims(NOW, sub="nobody")),
    UNKNOWN.sign(UNKNOWN.claims(NOW)),
    "a.b.c",
    "x",
    "",
]
PATHS = [
    *[rule.path for rule in HTTP_RULES],
    *[route.rpc for route in METHODS],
    *EVENT_PATHS,
    "/api/v1/authz/ping",
    "/",
    "/nowhere",
]
token = st.sampled_from(TOKENS)
headers = st.lists(
    st.one_of(
        st.builds(lambda t: ("authorization", f"Bearer {t}"), token),
        st.builds(lambda t: ("cookie", f"s_access={t}"), token),
        st.builds(lambda t: ("cookie", f'a=b; s_access="{t}"; s_refresh={t}'), token),
        st.builds(lambda t: ("cookie", t), st.text('s_aces=;x. "', max_size=20)),
        st.sampled_from(
            [
                ("authorization", "Basic dTpw"),
                ("origin", ORIGIN),
                ("origin", "https://example.org"),
                ("content-type", "application/grpc"),
                ("content-type", "application/json"),
                ("x-request-id", "r-1"),
            ]
        ),
    ),
    max_size=4,
    unique_by=lambda pair: pair if pair[0] in ("cookie", "authorization") else pair[0],
)


@given(
    verb=st.sampled_from(["GET", "POST", "DELETE", "OPTIONS", "HEAD"]),
    path=st.sampled_from(PATHS),
    query=st.sampled_from(["", "?a=b", "?x=/eco2.scan.v1.ScanService/GetJob"]),
    sent=headers,
)
@settings(max_examples=400, deadline=None)
async def test_wires_agree(verb: str, path: str, query: str, sent: list[tuple[str, str]]) -> None:
    decided = authorizer()
    http = await over_http(application(decided, ORIGINS), verb, path + query, sent)
    grpc = await over_grpc(Authorization(decided, ORIGINS), verb, path + query, sent)
    assert http == grpc


async def test_allowed_request_carries_the_identity_and_loses_the_credentials() -> None:
    claims = SIGNER.claims(NOW)
    sent = [("authorization", f"Bearer {SIGNER.sign(claims)}"), ("x-user-id", "forged")]
    outcome = await over_http(application(authorizer(), ORIGINS), "GET", "/api/v1/users/me", sent)
    assert outcome == Outcome(
        200,
        {
            "x-user-id": claims["sub"],
            "x-auth-provider": "google",
            "x-session-id": claims["sid"],
        },
        frozenset({"authorization", "cookie"}),
    )


async def test_public_request_loses_a_forged_identity_and_keeps_cookies_for_auth_only() -> None:
    outcome = await over_http(
        application(authorizer(), ORIGINS), "GET", "/api/v1/auth/.well-known/jwks.json", []
    )
    assert outcome == Outcome(200, {}, frozenset({"x-user-id", "x-auth-provider", "x-session-id"}))


@pytest.mark.parametrize("path", ["/", "/checkmate", "/metrics"])
async def test_only_checks_are_answered(path: str) -> None:
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "raw_path": path.encode(), "headers": []}
    await application(authorizer(), ORIGINS)(scope, None, send)  # type: ignore[arg-type]
    assert sent[0]["status"] == 404


async def test_fault_of_ours_refuses() -> None:
    class Broken:
        def revoked(self, session_id: str, token_id: str) -> bool:
            raise RuntimeError("no idea")

    decided = authorizer()
    decided._revocations = Broken()
    sent = [("authorization", f"Bearer {TOKENS[0]}")]
    outcome = await over_http(application(decided, ORIGINS), "GET", "/api/v1/users/me", sent)
    assert outcome.status == 503
    assert "AUTHORIZATION_UNAVAILABLE" in outcome.body
