"""Both wires of ext-authz give the same answer to the same request."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import Any

import pytest
from envoy.service.auth.v3 import external_auth_pb2
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.authz.authorizer import Authorizer
from edge.authz.decision import Revocations
from edge.authz.grpc_wire import Authorization
from edge.authz.http_protocol import HttpWire
from edge.authz.http_wire import PREFIX, REMOVE
from edge.authz.keyring import Keyring
from edge.authz.revocations import RevokedSessions
from edge.authz.rules import AccessRules
from edge.authz.verified_tokens import VerifiedTokens
from services.runtime.routes import table
from services.runtime.signed_tokens import Keys, TokenPolicy
from tests.contract.cases import EVENT_PATHS, HTTP_RULES, METHODS
from tests.signing import AUDIENCE, ISSUER, Signer
from tests.unit.authz.connection import Connection

NOW = 1_800_000_000.0
ORIGIN = "https://localhost:5173"
ORIGINS = frozenset({ORIGIN})
SIGNER, UNKNOWN = Signer(), Signer("unknown")


ENDED = SIGNER.claims(NOW)


def ended_sessions(*, complete: bool = True) -> RevokedSessions:
    """One session has ended."""
    sessions = RevokedSessions(10, 600.0, lambda: NOW, lambda: 0.0)
    sessions.revoke(uuid.UUID(ENDED["sid"]).bytes, NOW + 3600)
    if complete:
        sessions.complete(0.0)
    return sessions


def authorizer(revocations: Revocations | None = None, **options: Any) -> Authorizer:
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
    return Authorizer(
        AccessRules(table()),
        tokens,
        keyring,
        revocations or ended_sessions(),
        lambda: NOW,
        **options,
    )


@dataclass
class Outcome:
    """What Envoy does after an answer, whichever wire brought it."""

    status: int
    set_headers: dict[str, str] = field(default_factory=dict)
    removed: frozenset[str] = frozenset()
    body: str = ""


async def over_http(
    decided: Authorizer, verb: str, path: str, headers: list[tuple[str, str]]
) -> Outcome:
    """Ask as Envoy's http_service does."""
    connection = Connection(HttpWire(decided, ORIGINS, "", 0))
    connection.send(verb, PREFIX + path.encode(), headers)
    (answer,) = await connection.answers([verb])
    removed = answer.headers.pop(REMOVE, "")
    return Outcome(
        answer.status,
        answer.headers,
        frozenset(removed.split(",")) if removed else frozenset(),
        answer.body.decode(),
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
    SIGNER.sign(ENDED),
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
    http = await over_http(decided, verb, path + query, sent)
    grpc = await over_grpc(Authorization(decided, ORIGINS), verb, path + query, sent)
    if verb == "HEAD":  # whose answers have no body over HTTP; Envoy drops it on the other wire
        grpc.body = ""
    assert http == grpc


async def test_allowed_request_carries_the_identity_and_loses_the_credentials() -> None:
    claims = SIGNER.claims(NOW)
    sent = [("authorization", f"Bearer {SIGNER.sign(claims)}"), ("x-user-id", "forged")]
    outcome = await over_http(authorizer(), "GET", "/api/v1/users/me", sent)
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
    outcome = await over_http(authorizer(), "GET", "/api/v1/auth/.well-known/jwks.json", [])
    assert outcome == Outcome(200, {}, frozenset({"x-user-id", "x-auth-provider", "x-session-id"}))


@pytest.mark.parametrize("trusted", [True, False])
async def test_wires_agree_on_revocations(trusted: bool) -> None:
    decided = authorizer(ended_sessions(complete=trusted))
    expected = {
        SIGNER.sign(ENDED): (401, "TOKEN_REVOKED"),
        TOKENS[0]: (200, "") if trusted else (503, "AUTHORIZATION_UNAVAILABLE"),
    }
    for token, (status, reason) in expected.items():
        sent = [("cookie", f"s_access={token}"), ("origin", ORIGIN)]
        http = await over_http(decided, "GET", "/api/v1/users/me", sent)
        grpc = await over_grpc(Authorization(decided, ORIGINS), "GET", "/api/v1/users/me", sent)
        assert http == grpc
        assert http.status == status
        assert reason in http.body


async def test_fault_of_ours_refuses() -> None:
    class Broken:
        def trusted(self) -> bool:
            return True

        def revoked(self, session: bytes) -> bool:
            raise RuntimeError("no idea")

    sent = [("authorization", f"Bearer {TOKENS[0]}")]
    outcome = await over_http(authorizer(Broken()), "GET", "/api/v1/users/me", sent)
    assert outcome.status == 503
    assert "AUTHORIZATION_UNAVAILABLE" in outcome.body
