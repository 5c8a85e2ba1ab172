"""A lean HTTP/1.1 server for what Envoy asks most often: one peer, small messages, short answers.

A general server spends longer on such a request than answering it takes. This one hands what llhttp
has parsed straight to :meth:`Connection.requested` and writes an answer in one piece. What can't be
parsed is answered 400, what is too large 431, and the connection is closed.
"""

from __future__ import annotations

import asyncio
import contextlib
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Final, cast

import httptools

MAX_REQUEST_BYTES: Final = 128 * 1024
"""Largest request, above what the edge lets in (``edge_max_header_kib``, 32 by default) with room
for a larger setting and a small body."""

IDLE_SECONDS: Final = 75.0
"""A silent connection is closed, after Envoy would have done so itself (60 s)."""

BACKLOG: Final = 4096
"""Connections that may wait to be accepted."""

MALFORMED: Final = 400
TOO_LARGE: Final = 431


class Listener:
    """Listens on an address: with :meth:`run`, or with :meth:`listen` and :meth:`close_idle` until
    :meth:`close`. :meth:`drain` goes before the end.
    """

    def __init__(
        self,
        host: str,
        port: int,
        connection: Callable[[Any], Connection],
        socket: str | None = None,
    ) -> None:
        """`connection` makes the protocol of a new connection from this listener; `socket` is the
        path of a Unix socket to listen on as well.
        """
        self.connections: set[Connection] = set()
        self.draining = False
        self.emptied = asyncio.Event()
        """Set when the last connection of a drain has gone."""
        self._host = host
        self._port = port
        self._connection = connection
        self._socket = socket
        self._servers: list[asyncio.Server] = []

    @property
    def listening(self) -> bool:
        """Whether requests are accepted."""
        return any(server.is_serving() for server in self._servers)

    @property
    def bound_port(self) -> int:
        """The TCP port that is listened on, also where any was asked for (0)."""
        number: int = self._servers[0].sockets[0].getsockname()[1]
        return number

    async def listen(self) -> None:
        """Accept connections from now on; RuntimeError naming the address when it is taken."""
        self.draining = False
        loop = asyncio.get_running_loop()
        address = f"{self._host}:{self._port}"
        try:
            self._servers = [
                await loop.create_server(self._made, self._host, self._port, backlog=BACKLOG)
            ]
            if self._socket is not None:
                address = self._socket
                self._servers.append(
                    await loop.create_unix_server(self._made, self._socket, backlog=BACKLOG)
                )
        except OSError as error:
            self.close()
            raise RuntimeError(f"{address} can't be listened on: {error}") from None

    def _made(self) -> Connection:
        return self._connection(self)

    async def run(self) -> None:
        """Listen, and close what is idle, until cancelled."""
        await self.listen()
        try:
            await self.close_idle()
        finally:
            self.close()

    async def close_idle(self) -> None:
        """Close connections that nobody uses; never returns."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(IDLE_SECONDS / 5)
            before = loop.time() - IDLE_SECONDS
            for connection in [c for c in self.connections if c.used_at < before]:
                connection.finish()

    async def drain(self, seconds: float) -> None:
        """Listen no more, answer what has been asked, and close every connection."""
        self.draining = True
        self.emptied.clear()
        for server in self._servers:
            server.close()
        for connection in list(self.connections):
            connection.finish()
        if self.connections and seconds > 0:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self.emptied.wait()

    def close(self) -> None:
        """Listen no more and break every connection."""
        for server in self._servers:
            server.close()
        for connection in list(self.connections):
            connection.abort()


class Connection(asyncio.Protocol, ABC):
    """One connection: reads requests, and answers one after the other."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._loop = asyncio.get_running_loop()
        self._parser: Any = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport = cast(asyncio.Transport, None)
        self._target = b""
        self._headers: list[tuple[bytes, bytes]] = []
        """Names in lower case, those :meth:`on_header` keeps."""
        self._size = 0
        """Bytes of the request that is being read."""
        self._waiting: asyncio.Task[None] | None = None
        """Works on an answer."""
        self._finishing = False
        self.used_at = self._loop.time()

    # -- what a server says ---------------------------------------------------------------------

    @abstractmethod
    def requested(self, keep_alive: bool) -> None:
        """A request is complete: answer with :meth:`send`, now or from the task `_waiting`."""

    @abstractmethod
    def refusal(self, status: int) -> bytes:
        """The bytes of a refusal after which the connection is closed."""

    @abstractmethod
    def failed(self, fault: BaseException | None) -> None:
        """Tell of a fault of ours, which breaks the connection."""

    # -- the connection -------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast(asyncio.Transport, transport)
        self._listener.connections.add(self)
        if self._listener.draining:
            self.finish()

    def connection_lost(self, error: Exception | None) -> None:
        """Stop working on an answer: nobody listens to it."""
        self._listener.connections.discard(self)
        if not self._listener.connections:
            self._listener.emptied.set()
        if self._waiting is not None:
            self._waiting.cancel()

    def data_received(self, data: bytes) -> None:
        """Parse; complete requests are handed over on the way."""
        self._size += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserCallbackError as error:
            self.fail(error.__context__)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self.refuse(MALFORMED)
        else:
            if self._size > MAX_REQUEST_BYTES:
                self.refuse(TOO_LARGE)

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

    def refuse(self, status: int) -> None:
        """Answer and close; what follows can't be told from what is wrong."""
        if not self._transport.is_closing():
            if self._waiting is None:
                self._transport.write(self.refusal(status))
            self._transport.close()

    def fail(self, fault: BaseException | None) -> None:
        """A fault of ours: without an answer, the edge asks again or refuses with 503."""
        self.failed(fault)
        self._transport.abort()

    def closes_after(self, keep_alive: bool) -> bool:
        """Whether the connection ends with the next answer, which must say so."""
        return self._finishing or not keep_alive

    def send(self, answer: bytes, *, closing: bool) -> None:
        """Write a whole answer."""
        transport = self._transport
        if transport.is_closing():
            return
        self.used_at = self._loop.time()
        transport.write(answer)
        if closing:
            transport.close()

    # -- llhttp ---------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        """A request begins."""
        self._target = b""
        self._headers = []

    def on_url(self, part: bytes) -> None:
        """Request target, maybe in several parts."""
        self._target += part

    def on_header(self, name: bytes, value: bytes) -> None:
        """A complete header."""
        self._headers.append((name.lower(), value))

    def on_message_complete(self) -> None:
        """A request is complete."""
        self._size = 0
        self.requested(self._parser.should_keep_alive())
