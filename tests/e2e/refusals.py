"""What a refusal looks like to the app."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx

from tests.e2e.world import ORIGIN


def reason_of(document: Mapping[str, Any]) -> str:
    """ErrorInfo.reason of a google.rpc.Status in JSON, after checking its shape."""
    assert set(document) == {"code", "message", "details"}, document
    kinds = {detail["@type"].rpartition(".")[2]: detail for detail in document["details"]}
    assert kinds["ErrorInfo"]["domain"] == "eco2"
    assert kinds["LocalizedMessage"]["locale"] == "ko-KR"
    return str(kinds["ErrorInfo"]["reason"])


def assert_refused(answer: httpx.Response, status: int, reason: str) -> None:
    """Status, google.rpc.Status in JSON with this reason, and readable by the app."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert reason_of(answer.json()) == reason
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    assert answer.headers["access-control-allow-credentials"] == "true"
