"""What every refusal looks like, whoever made it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx

from tests.contract.edge import ORIGIN


def reason_of(document: Mapping[str, Any]) -> str:
    """ErrorInfo.reason of a google.rpc.Status in JSON, after checking its shape."""
    assert set(document) == {"code", "message", "details"}, document
    assert isinstance(document["code"], int)
    kinds = {detail["@type"].rpartition(".")[2]: detail for detail in document["details"]}
    info, text = kinds["ErrorInfo"], kinds["LocalizedMessage"]
    assert info["domain"] == "eco2"
    assert text["locale"] == "ko-KR"
    assert any("가" <= letter <= "힣" for letter in text["message"])
    reason: str = info["reason"]
    return reason


def assert_refused(answer: httpx.Response, status: int, reason: str, *, cors: bool = True) -> None:
    """A JSON refusal, readable by the app."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert reason_of(answer.json()) == reason
    if cors:
        assert_readable(answer)


def assert_readable(answer: httpx.Response) -> None:
    """The app may read the answer."""
    assert answer.headers.get_list("access-control-allow-origin") == [ORIGIN]
    assert answer.headers.get_list("access-control-allow-credentials") == ["true"]
    if answer.request.method != "OPTIONS":  # a preflight is cached by origin anyway
        assert "origin" in answer.headers["vary"]
    exposed = answer.headers["access-control-expose-headers"].lower()
    assert {name.strip() for name in exposed.split(",")} == {"retry-after", "x-request-id"}
