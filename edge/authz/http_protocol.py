"""The HTTP/1.1 server of the HTTP wire: what Envoy sends, and nothing else.

Deciding takes less than a general server would spend on the request, so checks are read by
:mod:`services.runtime.http1` and answered within the event loop's turn that brought them. Requests
of a connection are answered in their order; one whose decision has to wait for a signing key holds
up those behind it. Bodies are read over.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from edge.authz import metrics
from edge.authz.answer import Answer, answer
from edge.authz.authorizer import Authorizer
from edge.authz.decision import NeedKey, Request
from edge.authz.http_wire import NOT_A_CHECK, READ, request_of, response_of
from services.runtime import logs
from services.runtime.http1 import Connection, Listener

log = logs.get(__name__)

MAX_WAITING: Final = 16
"""Requests of one connection behind one that waits; Envoy sends the next after the answer."""


class HttpWire(Listener):
    """Listens for checks."""

    def __init__(
        self,
        authorizer: Authorizer,
        origins: frozenset[str],
        host: str,
        port: int,
        socket: str | None = None,
    ) -> None:
        super().__init__(host, port, CheckProtocol, socket)
        self.authorizer = authorizer
        self.origins = origins
        metrics.CONNECTIONS.set_function(lambda: len(self.connections))


class CheckProtocol(Connection):
    """One connection."""

    def __init__(self, wire: HttpWire) -> None:
        super().__init__(wire)
        self._wire = wire
        self._behind: deque[tuple[str, Request | None, bool]] = deque()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep what a decision can depend on."""
        name = name.lower()
        if name in READ:
            self._headers.append((name, value))

    def requested(self, keep_alive: bool) -> None:
        """Decide at once where that is possible."""
        method = self._parser.get_method().decode("ascii")
        request = request_of(method, self._target, self._headers)
        if self._waiting is not None:
            self._behind.append((method, request, keep_alive))
            if len(self._behind) >= MAX_WAITING:
                self._transport.abort()
            return
        self._answer(method, request, keep_alive)

    def refusal(self, status: int) -> bytes:
        """A status alone."""
        return response_of(Answer(status, ()), closing=True)

    def failed(self, fault: BaseException | None) -> None:
        """Into the log."""
        log.error("answering a check failed", error=repr(fault))

    def _answer(self, method: str, request: Request | None, keep_alive: bool) -> None:
        if request is None:
            self._write(method, NOT_A_CHECK, keep_alive)
            return
        decision = self._wire.authorizer.decide_at_once(request)
        if isinstance(decision, NeedKey):
            self._waiting = self._loop.create_task(self._answer_later(method, request, keep_alive))
            return
        self._write(method, answer(decision, request, self._wire.origins), keep_alive)

    async def _answer_later(self, method: str, request: Request, keep_alive: bool) -> None:
        try:
            decision = await self._wire.authorizer.decide(request)
            self._waiting = None
            self._write(method, answer(decision, request, self._wire.origins), keep_alive)
            while self._behind and self._waiting is None:
                self._answer(*self._behind.popleft())
        except Exception as fault:
            self.fail(fault)

    def _write(self, method: str, made: Answer, keep_alive: bool) -> None:
        closing = self.closes_after(keep_alive)
        self.send(response_of(made, with_body=method != "HEAD", closing=closing), closing=closing)
