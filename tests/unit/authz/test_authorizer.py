"""Decisions are counted, timed and logged, without anything secret."""

from __future__ import annotations

import logging

import pytest
from prometheus_client import REGISTRY

from edge.authz.decision import Deny, NeedKey, Request
from tests.unit.authz.test_wires_agree import NOW, SIGNER, UNKNOWN, authorizer

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
