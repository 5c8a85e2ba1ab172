"""The docs server: an ASGI application over content that was made at start-up."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import grpc.aio
from eco2.errors.v1.error_reason_pb2 import ErrorReason

from edge.docs.content import Content
from edge.docs.health import DomainHealth
from edge.docs.pages import Page
from edge.docs.sign_in import MAX_BODY_BYTES, Issue, sign_in
from services.runtime import logs
from services.runtime.component import Scope
from services.runtime.errors import DomainError, status_document

Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
Answer = tuple[int, list[tuple[str, str]], bytes]

log = logs.get(__name__)


class DocsServer:
    """Answers the pages of :mod:`edge.docs.pages` and nothing else."""

    def __init__(
        self,
        pages: Mapping[str, Page],
        library: Mapping[str, Content],
        health: DomainHealth,
        issue: Issue | None,
    ) -> None:
        """`issue` makes sessions for the playground; None where there is no playground."""
        self._pages = pages
        self._library = library
        self._health = health
        self._issue = issue

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            raise ValueError(f"the docs server does not speak {scope['type']}")
        try:
            status, headers, body = await self._answer(scope, receive)
        except DomainError as error:
            status, headers, body = _refusal(error)
        shown = b"" if scope["method"] == "HEAD" else body
        if status != 304:
            headers.append(("content-length", str(len(body))))
        encoded = [(name.encode(), value.encode("latin-1")) for name, value in headers]
        await send({"type": "http.response.start", "status": status, "headers": encoded})
        await send({"type": "http.response.body", "body": shown})

    async def _answer(self, scope: Scope, receive: Receive) -> Answer:
        page = self._pages.get(scope["path"])
        if page is None:
            raise DomainError(ErrorReason.ERROR_REASON_ROUTE_NOT_FOUND, "no such page")
        if scope["method"] not in page.verbs:
            raise DomainError(
                ErrorReason.ERROR_REASON_METHOD_NOT_ALLOWED,
                f"the page takes {', '.join(page.verbs)}",
            )
        headers = {k.decode("latin-1"): v.decode("latin-1") for k, v in scope["headers"]}
        if page.kind == "health":
            return await self._health_of(page.name)
        if page.kind == "session":
            return await self._sign_in(headers, receive)
        status, sent, body = self._library[page.path].answer(
            headers.get("accept-encoding", ""), headers.get("if-none-match", "")
        )
        return status, list(sent), body

    async def _health_of(self, domain: str) -> Answer:
        ready = await self._health.ready(domain)
        document = {"status": "ok" if ready else "unavailable", "service": domain}
        headers = [("content-type", "application/json"), ("cache-control", "no-store")]
        if not ready:
            headers.append(("retry-after", "1"))
        return 200 if ready else 503, headers, json.dumps(document).encode()

    async def _sign_in(self, headers: Mapping[str, str], receive: Receive) -> Answer:
        if self._issue is None:
            raise DomainError(ErrorReason.ERROR_REASON_ROUTE_NOT_FOUND, "no such page")
        try:
            document, cookies = await sign_in(headers, await _body(receive), self._issue)
        except grpc.aio.AioRpcError as error:
            log.warning("the playground can't sign in", code=error.code().name)
            raise DomainError(
                ErrorReason.ERROR_REASON_DEPENDENCY_UNAVAILABLE,
                "users or auth do not answer",
                metadata={"dependency": "auth"},
            ) from None
        sent = [("content-type", "application/json"), ("cache-control", "no-store")]
        sent += [("set-cookie", cookie) for cookie in cookies]
        return 201, sent, json.dumps(document, ensure_ascii=False).encode()


async def _body(receive: Receive) -> bytes:
    """The whole body; DomainError when it is too large for what is expected."""
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")
        if len(body) > MAX_BODY_BYTES:
            raise DomainError(
                ErrorReason.ERROR_REASON_PAYLOAD_TOO_LARGE,
                "the body is too large",
                metadata={"limit_bytes": str(MAX_BODY_BYTES)},
            )
        if not message.get("more_body"):
            return bytes(body)


def _refusal(error: DomainError) -> Answer:
    body = json.dumps(status_document(error), ensure_ascii=False).encode()
    headers = [("content-type", "application/json"), ("cache-control", "no-store")]
    return error.meaning.http_status, headers, body
