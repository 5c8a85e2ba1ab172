"""Envoy's HTTP ext_authz wire: the decision as the status of a check request. Pure.

Envoy sends the client's method and path below ``/check`` and a few of its headers. 200 lets the
request pass with our headers on it, and without those that ``x-envoy-auth-headers-to-remove``
names; everything else is sent to the client as it is.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from http import HTTPStatus
from typing import Final

from edge.authz.answer import Answer
from edge.authz.decision import Request, speaks_grpc

PREFIX: Final = b"/check"
REMOVE: Final = "x-envoy-auth-headers-to-remove"

READ: Final = frozenset({b"cookie", b"authorization", b"origin", b"content-type", b"x-request-id"})
"""Headers a decision can depend on."""

NOT_A_CHECK: Final = Answer(404, ())


def request_of(
    method: str, target: bytes, headers: Iterable[tuple[bytes, bytes]]
) -> Request | None:
    """The request a check asks about, from names in lower case; None when it is no check."""
    if not target.startswith(PREFIX):
        return None
    authorization = cookie = origin = None
    grpc = False
    request_id = ""
    for name, value in headers:
        text = value.decode("latin-1")
        if name == b"cookie":
            cookie = text if cookie is None else f"{cookie}; {text}"
        elif name == b"authorization":
            authorization = text if authorization is None else f"{authorization},{text}"
        elif name == b"x-request-id":
            request_id = text
        elif name == b"origin":
            origin = text
        elif name == b"content-type":
            grpc = speaks_grpc(text)
    path = target[len(PREFIX) :].partition(b"?")[0].decode("latin-1")
    return Request(method, path, authorization, cookie, origin, grpc, request_id)


def response_of(made: Answer, *, with_body: bool = True, closing: bool = False) -> bytes:
    """An answer as the bytes of an HTTP/1.1 response; one to HEAD has no body."""
    head = _frame(made.status, made.removed, len(made.body), closing)
    for name, value in made.headers:
        head += f"{name}: {value}\r\n"
    head += "\r\n"
    return head.encode("latin-1") + made.body if with_body else head.encode("latin-1")


@lru_cache(maxsize=256)
def _frame(status: int, removed: tuple[str, ...], length: int, closing: bool) -> str:
    """Status line and the headers that do not depend on the caller; there are few different."""
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", f"content-length: {length}"]
    if removed:
        lines.append(f"{REMOVE}: {','.join(removed)}")
    if closing:
        lines.append("connection: close")
    return "\r\n".join(lines) + "\r\n"
