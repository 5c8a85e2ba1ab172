"""Who may pass, as whom, and why not."""

from __future__ import annotations

import uuid

import pytest
from eco2.errors.v1.error_reason_pb2 import ErrorReason

from edge.authz.decision import (
    ANONYMOUS,
    ANONYMOUS_AT_AUTH,
    Allow,
    Deny,
    NeedKey,
    Request,
    Revocations,
    decide,
)
from edge.authz.rules import AccessRules
from edge.authz.verified_tokens import VerifiedTokens
from services.runtime.routes import routes, table
from services.runtime.signed_tokens import TokenPolicy
from tests.contract.cases import EVENT_PATHS, HTTP_RULES, METHODS
from tests.signing import AUDIENCE, ISSUER, Signer

NOW = 1_800_000_000.0
SIGNER = Signer()
RULES = AccessRules(table())
TOKENS = VerifiedTokens(TokenPolicy(ISSUER, AUDIENCE), 100)
TOKENS.replace_keys({SIGNER.kid: SIGNER.key.public_key()})


class Ended(Revocations):
    """Sessions that have ended, as far as is known."""

    def __init__(self, *ids: str, trusted: bool = True) -> None:
        self._ids = {uuid.UUID(text).bytes for text in ids}
        self._trusted = trusted

    def trusted(self) -> bool:
        return self._trusted

    def revoked(self, session: bytes) -> bool:
        return session in self._ids


def asked(request: Request, revocations: Revocations | None = None) -> Allow | Deny | NeedKey:
    return decide(request, NOW, TOKENS, revocations or Ended(), RULES)


def refusal(decision: Allow | Deny | NeedKey) -> str:
    assert isinstance(decision, Deny)
    return ErrorReason.Name(decision.reason).removeprefix("ERROR_REASON_")


def bearer(**changed: object) -> str:
    return f"Bearer {SIGNER.sign(SIGNER.claims(NOW, **changed))}"


REQUESTS = [
    *[(rule.verb, rule.path, rule.route.access, rule.route.domain) for rule in HTTP_RULES],
    *[("POST", route.rpc, route.access, route.domain) for route in METHODS],
    *[("GET", path, "session", "progress") for path in EVENT_PATHS],
    ("GET", "/api/v1/authz/ping", "session", "edge"),
]


@pytest.mark.parametrize(("verb", "path", "access", "domain"), REQUESTS)
def test_access_of_every_method_is_kept(verb: str, path: str, access: str, domain: str) -> None:
    stranger = asked(Request(verb, path))
    holder = asked(Request(verb, path, authorization=bearer()))
    if access == "public":
        expected = ANONYMOUS_AT_AUTH if domain == "auth" else ANONYMOUS
        assert stranger == holder == expected
    elif access == "session":
        assert refusal(stranger) == "TOKEN_MISSING"
        assert isinstance(holder, Allow)
        assert holder.caller is not None
        assert not holder.keeps_credentials
    else:
        assert refusal(stranger) == refusal(holder) == "METHOD_NOT_EXPOSED"


@pytest.mark.parametrize(
    ("verb", "path"),
    [
        ("GET", "/"),
        ("GET", "/api/v1/scan"),
        ("POST", "/api/v1/users/me"),
        ("GET", "/eco2.users.v1.UsersService/GetMe"),
        ("POST", "/eco2.users.v1.UsersService/Nothing"),
        ("POST", "/grpc.health.v1.Health/Check"),
        ("POST", ""),
    ],
)
def test_what_no_rule_names_is_refused(verb: str, path: str) -> None:
    assert refusal(asked(Request(verb, path, authorization=bearer()))) == "ROUTE_NOT_FOUND"


@pytest.mark.parametrize("path", ["/api/v1/users/me", "/nowhere", routes()[1].rpc])
def test_preflights_pass(path: str) -> None:
    assert asked(Request("OPTIONS", path)) == ANONYMOUS


def test_caller_is_who_the_token_says() -> None:
    claims = SIGNER.claims(NOW, provider="naver")
    token = SIGNER.sign(claims)
    decision = asked(Request("GET", "/api/v1/users/me", cookie=f"a=b; s_access={token}"))
    assert isinstance(decision, Allow)
    assert decision.caller is not None
    assert (decision.caller.user_id, decision.caller.provider, decision.caller.session_id) == (
        claims["sub"],
        "naver",
        claims["sid"],
    )


@pytest.mark.parametrize(
    ("authorization", "reason"),
    [
        (bearer(exp=NOW - 60), "TOKEN_EXPIRED"),
        (bearer(type="refresh"), "TOKEN_TYPE_MISMATCH"),
        (bearer(iss="x"), "TOKEN_INVALID"),
        ("Bearer x", "TOKEN_INVALID"),
        ("Basic x", "TOKEN_MISSING"),
    ],
)
def test_refusals_name_their_reason(authorization: str, reason: str) -> None:
    decision = asked(Request("GET", "/api/v1/users/me", authorization=authorization))
    assert refusal(decision) == reason


def test_token_of_an_ended_session_is_refused_even_when_cached() -> None:
    claims = SIGNER.claims(NOW)
    request = Request("GET", "/api/v1/users/me", authorization=f"Bearer {SIGNER.sign(claims)}")
    assert isinstance(asked(request), Allow)
    assert refusal(asked(request, Ended(claims["sid"]))) == "TOKEN_REVOKED"
    assert isinstance(asked(request, Ended(str(uuid.uuid4()))), Allow)


def test_nobody_signed_in_passes_while_revocations_are_not_known() -> None:
    unknown = Ended(trusted=False)
    me = Request("GET", "/api/v1/users/me", authorization=bearer())
    assert refusal(asked(me, unknown)) == "AUTHORIZATION_UNAVAILABLE"
    assert refusal(asked(Request("GET", "/api/v1/users/me"), unknown)) == "TOKEN_MISSING"
    public = Request("GET", "/api/v1/auth/.well-known/jwks.json")
    assert asked(public, unknown) == ANONYMOUS_AT_AUTH


def test_what_is_known_to_be_ended_stays_so_when_nothing_new_is_heard() -> None:
    claims = SIGNER.claims(NOW)
    request = Request("GET", "/api/v1/users/me", authorization=f"Bearer {SIGNER.sign(claims)}")
    assert refusal(asked(request, Ended(claims["sid"], trusted=False))) == "TOKEN_REVOKED"


def test_unknown_key_is_an_outcome_of_its_own() -> None:
    other = Signer("other")
    token = f"Bearer {other.sign(other.claims(NOW))}"
    decision = asked(Request("GET", "/api/v1/users/me", authorization=token))
    assert decision == NeedKey("other")


def test_no_refusal_shows_the_token() -> None:
    for authorization in (bearer(exp=NOW - 60), bearer(sub="x"), bearer() + "x"):
        decision = asked(Request("GET", "/api/v1/users/me", authorization=authorization))
        assert authorization.split()[1][:20] not in repr(decision)
