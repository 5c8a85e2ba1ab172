"""The HTTP/1.1 server of the HTTP wire: what Envoy sends, and nothing else.

A general server spends twice as long on a check as deciding takes. This one hands what llhttp has
parsed straight to the decision and writes one answer, within the event loop's turn that brought the
request. Requests of a connection are answered in their order; one whose decision has to wait for a
signing key holds up those behind it. Bodies are read over. What can't be parsed is answered 400,
what is too large 431, and the connection is closed.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from typing import Any, Final, cast

import httptools

from edge.authz import metrics
from edge.authz.answer import Answer, answer
from edge.authz.authorizer import Authorizer
from edge.authz.decision import NeedKey, Request
from edge.authz.http_wire import NOT_A_CHECK, READ, request_of, response_of
from services.runtime import logs

log = logs.get(__name__)

MAX_REQUEST_BYTES: Final = 128 * 1024
"""Largest check, above what the edge lets in (``edge_max_header_kib``, 32 by default) with room for
a larger setting; a check has no body."""

MAX_WAITING: Final = 16
"""Requests of one connection behind one that waits; Envoy sends the next after the answer."""

IDLE_SECONDS: Final = 75.0
"""A silent connection is closed, after Envoy would have done so itself (60 s)."""

MALFORMED: Final = Answer(400, ())
TOO_LARGE: Final = Answer(431, ())


class HttpWire:
    """Listens for checks. Use :meth:`run`, and :meth:`drain` before cancelling it."""

    def __init__(
        self, authorizer: Authorizer, origins: frozenset[str], host: str, port: int
    ) -> None:
        self.authorizer = authorizer
        self.origins = origins
        self.connections: set[CheckProtocol] = set()
        self.draining = False
        self.emptied = asyncio.Event()
        """Set when the last connection of a drain has gone."""
        self._host = host
        self._port = port
        self._server: asyncio.Server | None = None
        metrics.CONNECTIONS.set_function(lambda: len(self.connections))

    @property
    def listening(self) -> bool:
        """Whether checks are accepted."""
        return self._server is not None and self._server.is_serving()

    async def run(self) -> None:
        """Listen until cancelled; RuntimeError naming the address when it is taken."""
        loop = asyncio.get_running_loop()
        self.draining = False
        try:
            self._server = await loop.create_server(
                lambda: CheckProtocol(self), self._host, self._port, backlog=4096
            )
        except OSError as error:
            raise RuntimeError(f"{self._host}:{self._port} can't be listened on: {error}") from None
        try:
            while True:
                await asyncio.sleep(IDLE_SECONDS / 5)
                before = loop.time() - IDLE_SECONDS
                for connection in [c for c in self.connections if c.used_at < before]:
                    connection.finish()
        finally:
            self._server.close()
            for connection in list(self.connections):
                connection.abort()

    async def drain(self, seconds: float) -> None:
        """Listen no more, answer what has been asked, and close every connection."""
        self.draining = True
        self.emptied.clear()
        if self._server is not None:
            self._server.close()
        for connection in list(self.connections):
            connection.finish()
        if self.connections:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.emptied.wait(), seconds)


class CheckProtocol(asyncio.Protocol):
    """One connection."""

    def __init__(self, wire: HttpWire) -> None:
        self._wire = wire
        self._loop = asyncio.get_running_loop()
        self._parser: Any = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport = cast(asyncio.Transport, None)
        self._target = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._size = 0
        self._waiting: asyncio.Task[None] | None = None
        self._behind: deque[tuple[str, Request | None, bool]] = deque()
        self._finishing = False
        self.used_at = self._loop.time()

    # -- the connection -------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast(asyncio.Transport, transport)
        self._wire.connections.add(self)
        if self._wire.draining:
            self.finish()

    def connection_lost(self, error: Exception | None) -> None:
        """Forget what was being decided: nobody listens to it."""
        self._wire.connections.discard(self)
        if not self._wire.connections:
            self._wire.emptied.set()
        if self._waiting is not None:
            self._waiting.cancel()

    def data_received(self, data: bytes) -> None:
        """Parse; complete requests are answered on the way."""
        self._size += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserCallbackError as error:
            self._fail(error.__context__)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._refuse(MALFORMED)
        else:
            if self._size > MAX_REQUEST_BYTES:
                self._refuse(TOO_LARGE)

    def pause_writing(self) -> None:
        """Read no more from a peer that does not take its answers."""
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        """It takes them again."""
        self._transport.resume_reading()

    def finish(self) -> None:
        """Close as soon as everything that was asked has been answered."""
        self._finishing = True
        if self._waiting is None and self._size == 0:
            self._transport.close()

    def abort(self) -> None:
        """Close now."""
        self._transport.abort()

    def _refuse(self, made: Answer) -> None:
        """Answer and close; what follows can't be told from what is wrong."""
        if not self._transport.is_closing():
            if self._waiting is None:
                self._transport.write(response_of(made, closing=True))
            self._transport.close()

    def _fail(self, fault: BaseException | None) -> None:
        """A fault of ours: without an answer, the edge asks again or refuses with 503."""
        log.error("answering a check failed", error=repr(fault))
        self._transport.abort()

    # -- llhttp ---------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        """A request begins."""
        self._target = b""
        self._headers.clear()

    def on_url(self, part: bytes) -> None:
        """Request target, maybe in several parts."""
        self._target += part

    def on_header(self, name: bytes, value: bytes) -> None:
        """A complete header."""
        name = name.lower()
        if name in READ:
            self._headers.append((name, value))

    def on_message_complete(self) -> None:
        """A request is complete."""
        self._size = 0
        method = self._parser.get_method().decode("ascii")
        request = request_of(method, self._target, self._headers)
        if self._waiting is not None:
            self._queue(method, request)
            return
        self._answer(method, request, self._parser.should_keep_alive())

    # -- answers --------------------------------------------------------------------------------

    def _answer(self, method: str, request: Request | None, keep_alive: bool) -> None:
        if request is None:
            self._write(method, NOT_A_CHECK, keep_alive)
            return
        decision = self._wire.authorizer.decide_at_once(request)
        if isinstance(decision, NeedKey):
            self._waiting = self._loop.create_task(self._answer_later(method, request, keep_alive))
            return
        self._write(method, answer(decision, request, self._wire.origins), keep_alive)

    def _queue(self, method: str, request: Request | None) -> None:
        self._behind.append((method, request, self._parser.should_keep_alive()))
        if len(self._behind) >= MAX_WAITING:
            self._transport.abort()

    async def _answer_later(self, method: str, request: Request, keep_alive: bool) -> None:
        try:
            decision = await self._wire.authorizer.decide(request)
            self._waiting = None
            self._write(method, answer(decision, request, self._wire.origins), keep_alive)
            while self._behind and self._waiting is None:
                self._answer(*self._behind.popleft())
        except Exception as fault:
            self._fail(fault)

    def _write(self, method: str, made: Answer, keep_alive: bool) -> None:
        transport = self._transport
        if transport.is_closing():
            return
        self.used_at = self._loop.time()
        closing = self._finishing or not keep_alive
        transport.write(response_of(made, with_body=method != "HEAD", closing=closing))
        if closing:
            transport.close()
