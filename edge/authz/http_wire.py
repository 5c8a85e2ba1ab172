"""Envoy's HTTP ext_authz wire: the decision as the status of a check request.

Envoy sends the client's method and path below ``/check`` and a few of its headers. 200 lets the
request pass with our headers on it, and without those that ``x-envoy-auth-headers-to-remove``
names; everything else is sent to the client as it is.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

from edge.authz.answer import Answer, answer
from edge.authz.authorizer import Authorizer
from edge.authz.decision import NeedKey, Request, speaks_grpc
from services.runtime.component import ASGIApplication, Scope

PREFIX: Final = b"/check"
REMOVE: Final = b"x-envoy-auth-headers-to-remove"

_Receive = Callable[[], Awaitable[Any]]
_Send = Callable[[Any], Awaitable[None]]


def application(authorizer: Authorizer, origins: frozenset[str]) -> ASGIApplication:
    """The ASGI application."""

    async def app(scope: Scope, receive: _Receive, send: _Send) -> None:
        request = request_of(scope)
        if request is None:
            await _send(send, Answer(404, ()))
            return
        decision = authorizer.decide_at_once(request)
        if isinstance(decision, NeedKey):
            decision = await authorizer.decide(request)
        await _send(send, answer(decision, request, origins))

    return app


def request_of(scope: Scope) -> Request | None:
    """The request a check asks about; None when it is no check."""
    path: bytes = scope["raw_path"]
    if not path.startswith(PREFIX):
        return None
    authorization = cookie = origin = None
    grpc = False
    request_id = ""
    for name, value in scope["headers"]:
        if name == b"cookie":
            text = value.decode("latin-1")
            cookie = text if cookie is None else f"{cookie}; {text}"
        elif name == b"authorization":
            text = value.decode("latin-1")
            authorization = text if authorization is None else f"{authorization},{text}"
        elif name == b"origin":
            origin = value.decode("latin-1")
        elif name == b"content-type":
            grpc = speaks_grpc(value.decode("latin-1"))
        elif name == b"x-request-id":
            request_id = value.decode("latin-1")
    return Request(
        method=scope["method"],
        path=path[len(PREFIX) :].decode("latin-1"),
        authorization=authorization,
        cookie=cookie,
        origin=origin,
        grpc=grpc,
        request_id=request_id,
    )


async def _send(send: _Send, made: Answer) -> None:
    headers = [(name.encode(), value.encode("latin-1")) for name, value in made.headers]
    headers.append((b"content-length", str(len(made.body)).encode()))
    if made.removed:
        headers.append((REMOVE, ",".join(made.removed).encode()))
    await send({"type": "http.response.start", "status": made.status, "headers": headers})
    await send({"type": "http.response.body", "body": made.body})
