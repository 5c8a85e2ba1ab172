"""What a decision means on the wire: status, headers and body, the same for both wires.

Allowed requests get the caller's identity; credentials and whatever a client sent under the
identity's names are removed. Refusals are google.rpc.Status as JSON with CORS headers for our own
origins, so that the app can read the status; a gRPC client gets plain text and the details as
metadata.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from eco2.errors.v1.error_reason_pb2 import ErrorReason

from edge.authz.decision import Allow, Decision, Deny, Request
from services.runtime.errors import DomainError, status_document, status_of
from services.runtime.identity import PROVIDER, SESSION_ID, USER_ID

IDENTITY: Final = (USER_ID, PROVIDER, SESSION_ID)
CREDENTIALS: Final = ("authorization", "cookie")

RETRY_AFTER_SECONDS: Final = "1"


@dataclass(frozen=True, slots=True)
class Answer:
    """An allowed request when the status is 200, a refusal otherwise."""

    status: int
    headers: tuple[tuple[str, str], ...]
    """To set on the request when allowed, on the response when refused."""

    removed: tuple[str, ...] = ()
    """Headers to take off the request."""

    body: bytes = b""


@lru_cache(maxsize=4)
def _anonymous(keeps_credentials: bool) -> Answer:
    return Answer(200, (), IDENTITY if keeps_credentials else (*CREDENTIALS, *IDENTITY))


def answer(decision: Decision, request: Request, origins: frozenset[str]) -> Answer:
    """Answer to a request; `origins` are those that may read a refusal."""
    if isinstance(decision, Deny):
        return _refusal(decision, request, origins)
    return _passed(decision)


def _passed(decision: Allow) -> Answer:
    caller = decision.caller
    if caller is None:
        return _anonymous(decision.keeps_credentials)
    identity = (
        (USER_ID, caller.user_id),
        (PROVIDER, caller.provider),
        (SESSION_ID, caller.session_id),
    )
    return Answer(200, identity, CREDENTIALS)


def _refusal(decision: Deny, request: Request, origins: frozenset[str]) -> Answer:
    status, headers, body = _rendered(
        decision.reason, decision.message, decision.metadata, request.grpc
    )
    if request.origin is not None and request.origin in origins:
        headers = (
            *headers,
            ("access-control-allow-origin", request.origin),
            ("access-control-allow-credentials", "true"),
            ("vary", "origin"),
        )
    return Answer(status, headers, (), body)


@lru_cache(maxsize=256)
def _rendered(
    reason: ErrorReason.ValueType, message: str, metadata: tuple[tuple[str, str], ...], grpc: bool
) -> tuple[int, tuple[tuple[str, str], ...], bytes]:
    """Status, headers and body of a refusal; there are few different ones."""
    error = DomainError(reason, message, metadata=dict(metadata))
    status = error.meaning.http_status
    headers: list[tuple[str, str]] = []
    if grpc:
        details = base64.b64encode(status_of(error).SerializeToString()).decode()
        headers += [("content-type", "text/plain"), ("grpc-status-details-bin", details)]
        body = message.encode()
    else:
        headers.append(("content-type", "application/json"))
        document = status_document(error)
        body = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
    if status == 401:
        headers.append(("www-authenticate", 'Bearer realm="eco2"'))
    if status == 503:
        headers.append(("retry-after", RETRY_AFTER_SECONDS))
    return status, tuple(headers), body
