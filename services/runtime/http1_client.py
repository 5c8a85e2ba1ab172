"""A lean HTTP/1.1 client for one server that is asked often: POST, and answers that may be streams.

A general client spends longer on a small call than the caller on its answer (aiohttp 0.5 ms of CPU)
and handles every chunk of a stream by itself (10 µs each, thirty times a second for as long as a
model talks). This one hands over what has arrived in one piece, and leaves the socket alone until
somebody asks for more: what comes meanwhile is one wake-up.

It speaks TLS and goes through the proxy the environment names. It follows no redirect, keeps no
cookies and asks for no compression.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from typing import Any, Final, cast
from urllib.parse import SplitResult, urlsplit

import httptools

from services.runtime import proxies

IDLE_SECONDS: Final = 15.0
"""A connection that was not used for longer is closed instead of being used again: its server may
close it at the same moment.
"""

HEAD_BYTES: Final = 64 * 1024
"""Longest head of an answer."""


class Answer:
    """An answer whose head has arrived. Close it, read out or not."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self.status = 0
        """0 until the head is there."""
        self.headers: dict[str, str] = {}
        """By lower-case name; the last one of a name that is repeated."""
        self.whole = False
        """Whether all of it has arrived."""
        self._transport = transport
        self._parts: list[bytes] = []
        self._waiter: asyncio.Future[None] | None = None
        self._broken: OSError | None = None

    async def some(self) -> bytes:
        """What of the body has arrived since; waits until there is something, empty at the end.

        Raises OSError when the answer breaks off.
        """
        while not self._parts:
            if self.whole:
                return b""
            await self.more()
        parts, self._parts = self._parts, []
        return parts[0] if len(parts) == 1 else b"".join(parts)

    async def read(self, most: int) -> bytes:
        """The rest of the body, but no more than `most` bytes and what came with them; OSError."""
        parts: list[bytes] = []
        size = 0
        while size <= most and (part := await self.some()):
            parts.append(part)
            size += len(part)
        return b"".join(parts)

    def close(self) -> None:
        """Let it go: the connection of an answer that is not whole is cut."""
        if not self.whole:
            self._transport.abort()

    # -- what its connection tells ---------------------------------------------------------------

    async def more(self) -> None:
        """Wait until more has come; OSError when nothing will."""
        if self._broken is not None:
            raise self._broken
        self._waiter = asyncio.get_running_loop().create_future()
        self._transport.resume_reading()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def add(self, part: bytes) -> None:
        """A part of the body has come."""
        self._parts.append(part)

    def break_off(self, error: OSError) -> None:
        """Nothing more will come."""
        self._broken = self._broken or error
        self.wake()

    def wake(self) -> None:
        """Let who waits look again."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class Client:
    """Asks one server. Connections are kept and used again; their number has no limit here."""

    def __init__(self, url: str, headers: Mapping[str, str], *, connect_seconds: float) -> None:
        """`url` is any address of the server, `headers` go with every request.

        Raises ValueError for an address that is not http(s), and for a header that is no line of
        Latin-1.
        """
        self._server = urlsplit(url)
        if self._server.scheme not in proxies.PORTS or not self._server.hostname:
            raise ValueError("not an address of a server")
        if not all(f"{name}{value}".isprintable() for name, value in headers.items()):
            raise ValueError("a header has control characters")
        self._connect_seconds = connect_seconds
        self._proxy = proxies.proxy_to(self._server)
        lines = "".join(
            f"{name}: {value}\r\n"
            for name, value in {"host": self._server.netloc.rpartition("@")[2], **headers}.items()
        )
        self._before = ""
        """What goes before the path of a request."""
        if self._proxy is not None and self._server.scheme == "http":
            self._before = f"http://{self._server.netloc}"
            lines += proxies.authorization(self._proxy)
        self._headers = lines.encode("latin-1")
        self._tls: ssl.SSLContext | None = None
        self._idle: list[_Connection] = []
        self._all: set[_Connection] = set()

    @property
    def connections(self) -> int:
        """Connections that are open now."""
        return len(self._all)

    async def post(self, path: str, body: bytes) -> Answer:
        """Ask; the answer once its head is there. `path` begins with a slash.

        Raises OSError when the server can't be reached, or breaks the connection.
        """
        connection = self._kept() or await self._open()
        line = f"POST {self._before}{path} HTTP/1.1\r\n".encode("latin-1")
        return await connection.ask(
            b"%b%bcontent-length: %d\r\n\r\n%b" % (line, self._headers, len(body), body)
        )

    def close(self) -> None:
        """Cut every connection."""
        for connection in list(self._all):
            connection.abort()

    # -- connections ----------------------------------------------------------------------------

    def _kept(self) -> _Connection | None:
        """The connection that was used last, if any; those that nobody needs any more are cut."""
        oldest = asyncio.get_running_loop().time() - IDLE_SECONDS
        while self._idle and self._idle[0].used_at < oldest:
            self._idle.pop(0).abort()
        return self._idle.pop() if self._idle else None

    async def _open(self) -> _Connection:
        """A new connection; OSError."""
        try:
            async with asyncio.timeout(self._connect_seconds):
                if self._proxy is None:
                    return await self._connect(self._server)
                if self._server.scheme == "http":
                    return await self._connect(self._proxy)
                return await self._tunnel(self._proxy)
        except TimeoutError:
            raise ConnectionError(f"not connected within {self._connect_seconds:g} s") from None

    async def _connect(self, to: SplitResult) -> _Connection:
        _, connection = await asyncio.get_running_loop().create_connection(
            lambda: _Connection(self),
            to.hostname or "",
            proxies.port_of(to),
            ssl=self._context() if to.scheme == "https" else None,
        )
        return connection

    async def _tunnel(self, proxy: SplitResult) -> _Connection:
        """A connection to the server through what a proxy opens for us."""
        tls = self._context()
        transport = await proxies.tunnel(proxy, self._server, tls)
        connection = _Connection(self)
        try:
            secured = await asyncio.get_running_loop().start_tls(
                transport, connection, tls, server_hostname=self._server.hostname
            )
        except BaseException:
            transport.abort()
            raise
        connection.connection_made(cast(asyncio.Transport, secured))
        return connection

    def _context(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = ssl.create_default_context()
            self._tls.set_alpn_protocols(["http/1.1"])
        return self._tls

    def joined(self, connection: _Connection) -> None:
        """A connection was made."""
        self._all.add(connection)

    def left(self, connection: _Connection) -> None:
        """A connection is gone."""
        self._all.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)

    def free(self, connection: _Connection) -> None:
        """A connection may be used again."""
        self._idle.append(connection)


class _Connection(asyncio.Protocol):
    """One connection: one call after the other."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport = cast(asyncio.Transport, None)
        self._parser: Any = httptools.HttpResponseParser(self)
        self._answer: Answer | None = None
        self._head_size = 0
        self._keeps = False
        """Whether the server lets the connection be used again."""
        self.used_at = self._loop.time()

    async def ask(self, request: bytes) -> Answer:
        """Send a request; its answer once the head is there."""
        answer = self._answer = Answer(self._transport)
        self._head_size = 0
        self._keeps = False
        self._transport.write(request)
        try:
            while not answer.status:
                await answer.more()
        except BaseException:
            self.abort()
            raise
        return answer

    def abort(self) -> None:
        """Cut the connection."""
        self._transport.abort()

    # -- asyncio --------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast(asyncio.Transport, transport)
        self._client.joined(self)

    def data_received(self, data: bytes) -> None:
        """Parse; what was parsed is handed over in one piece."""
        answer = self._answer
        if answer is None:  # nobody has asked anything
            self._transport.abort()
            return
        try:
            self._parser.feed_data(data)
            if not answer.status:
                self._head_size += len(data)
                if self._head_size > HEAD_BYTES:
                    raise httptools.HttpParserError("its head is too long")
        except httptools.HttpParserError as error:
            if not answer.whole:
                answer.break_off(ConnectionError(f"the answer is not HTTP: {error}"))
            self._transport.abort()
            return
        if answer.whole:
            self._finished()
        else:
            self._transport.pause_reading()  # until somebody asks for more
        answer.wake()

    def connection_lost(self, error: Exception | None) -> None:
        """The end; of an answer as well that tells its own by it."""
        self._client.left(self)
        answer = self._answer
        if answer is None:
            return
        lengths = ("content-length", "transfer-encoding")
        if answer.status and error is None and not any(name in answer.headers for name in lengths):
            answer.whole = True
        answer.break_off(ConnectionResetError("the connection was closed"))

    def _finished(self) -> None:
        """The answer is whole: the connection may be used again, if its server agrees."""
        self._answer = None
        self.used_at = self._loop.time()
        if self._keeps and not self._transport.is_closing():
            self._client.free(self)
        else:
            self._transport.close()

    # -- llhttp ---------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        """An answer begins; a second one was not asked for."""
        if self._answer is None or self._answer.whole:
            raise ValueError("an answer to nothing")

    def on_header(self, name: bytes, value: bytes) -> None:
        """A complete header."""
        if self._answer is not None:
            self._answer.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        """The head is complete."""
        status = self._parser.get_status_code()
        if self._answer is None:
            return
        if status < 200:  # a word in between: the answer is still to come
            self._answer.headers.clear()
        else:
            self._answer.status = status

    def on_body(self, part: bytes) -> None:
        """A part of the body, a chunk for one."""
        if self._answer is not None:
            self._answer.add(part)

    def on_message_complete(self) -> None:
        """The answer is whole."""
        if self._answer is not None and self._answer.status:
            self._answer.whole = True
            self._keeps = self._parser.should_keep_alive()
