"""Decisions are counted, timed and logged, without anything secret."""

from __future__ import annotations

import logging

import pytest
from eco2.errors.v1.error_reason_pb2 import ErrorReason
from prometheus_client import REGISTRY

from edge.authz.decision import ANONYMOUS, Allow, Deny, NeedKey, Request
from tests.unit.authz.test_wires_agree import ENDED, NOW, SIGNER, UNKNOWN, authorizer

ME = "/api/v1/users/me"
GOOD = SIGNER.sign(SIGNER.claims(NOW))
EXPIRED = SIGNER.sign(SIGNER.claims(NOW, exp=NOW - 60))


def sample(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


def asked(token: str, request_id: str = "") -> Request:
    return Request("GET", ME, authorization=f"Bearer {token}", request_id=request_id)


@pytest.mark.parametrize(
    ("token", "result", "reason"), [(GOOD, "allow", ""), (EXPIRED, "deny", "TOKEN_EXPIRED")]
)
def test_decisions_are_counted_and_timed(token: str, result: str, reason: str) -> None:
    count = ("ext_authz_requests_total", {"result": result, "reason": reason})
    timed = ("ext_authz_request_duration_seconds_count", {"result": result})
    before = [sample(name, **labels) for name, labels in (count, timed)]
    authorizer().decide_at_once(asked(token))
    after = [sample(name, **labels) for name, labels in (count, timed)]
    assert after == [value + 1 for value in before]


async def test_a_decision_that_waits_for_a_key_is_counted_once() -> None:
    labels = {"result": "deny", "reason": "TOKEN_INVALID"}
    before = sample("ext_authz_requests_total", **labels)
    decided = authorizer()
    request = asked(UNKNOWN.sign(UNKNOWN.claims(NOW)))
    assert isinstance(decided.decide_at_once(request), NeedKey)
    assert isinstance(await decided.decide(request), Deny)
    assert sample("ext_authz_requests_total", **labels) == before + 1
    assert sample("ext_authz_requests_in_flight") == 0


def test_refusals_are_logged_with_reason_and_request_id(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "edge.authz"):
        authorizer().decide_at_once(asked(EXPIRED, "req-7"))
        authorizer().decide_at_once(asked(GOOD, "req-8"))
    (record,) = caplog.records
    fields = record.__dict__["eco2_fields"]
    assert fields == {
        "reason": "TOKEN_EXPIRED",
        "decision_id": "req-7",
        "method": "GET",
        "path": ME,
    }


def test_passes_are_logged_when_debugging(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "edge.authz"):
        authorizer().decide_at_once(asked(GOOD))
    (record,) = caplog.records
    assert record.getMessage() == "request allowed"
    assert record.__dict__["eco2_fields"]["decision_id"], "made up when the edge gave none"


def test_no_log_line_holds_a_token(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "edge.authz"):
        for token in (GOOD, EXPIRED, "a.b.c", GOOD[:-3]):
            authorizer().decide_at_once(asked(token))
    for record in caplog.records:
        text = repr(record.__dict__)
        assert GOOD[:40] not in text
        assert EXPIRED[-40:] not in text


def test_a_decision_that_took_too_long_is_a_refusal() -> None:
    times = iter([0.0, 2.0, 10.0, 11.9])
    decided = authorizer(budget_seconds=2.0, timer=lambda: next(times))
    late = decided.decide_at_once(asked(GOOD))
    assert isinstance(late, Deny)
    assert late.reason == ErrorReason.ERROR_REASON_AUTHORIZATION_UNAVAILABLE
    assert isinstance(decided.decide_at_once(asked(GOOD)), Allow)


def test_dry_run_counts_and_logs_but_passes_without_an_identity(
    caplog: pytest.LogCaptureFixture,
) -> None:
    decided = authorizer(dry_run=True)
    labels = {"result": "dry_run", "reason": "TOKEN_EXPIRED"}
    before = sample("ext_authz_requests_total", **labels)
    with caplog.at_level(logging.INFO, "edge.authz"):
        assert decided.decide_at_once(asked(EXPIRED, "req-9")) == ANONYMOUS
    assert sample("ext_authz_requests_total", **labels) == before + 1
    (record,) = caplog.records
    assert record.__dict__["eco2_fields"]["reason"] == "TOKEN_EXPIRED"
    allowed = decided.decide_at_once(asked(GOOD))
    assert isinstance(allowed, Allow)
    assert allowed.caller is not None


@pytest.mark.parametrize("path", ["/nowhere", "/eco2.auth.v1.AuthService/IssueSession"])
def test_dry_run_opens_no_unknown_or_internal_route(path: str) -> None:
    decision = authorizer(dry_run=True).decide_at_once(Request("POST", path))
    assert isinstance(decision, Deny)


def test_revoked_tokens_are_counted() -> None:
    before = sample("ext_authz_blacklist_hits_total")
    decision = authorizer().decide_at_once(asked(SIGNER.sign(ENDED)))
    assert isinstance(decision, Deny)
    assert sample("ext_authz_blacklist_hits_total") == before + 1
