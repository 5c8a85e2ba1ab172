"""The cheapest HTTP client that can play the app: one keep-alive connection, no library.

A load driver shares the machine with what it measures. This one costs about 0.3 ms of CPU per scan
(submit, a stream of ten events, result), a tenth of what a full client would.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Final

from services.runtime.ports import HOST

READ_BYTES: Final = 65_536
CALL_SECONDS: Final = 30.0

_FRAME_END: Final = re.compile(rb"\r?\n\r?\n")
_STATUS: Final = re.compile(rb"HTTP/1\.1 (\d{3})")
_LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_CHUNKED: Final = re.compile(rb"\r\ntransfer-encoding: *chunked", re.IGNORECASE)


class ConnectionLostError(Exception):
    """The server closed the connection, or it never opened."""


@dataclass(frozen=True, slots=True)
class Event:
    """One server-sent event."""

    id: str
    name: str
    status: str
    seq: int


class Phone:
    """One app with one connection, opened again when it breaks."""

    def __init__(self, port: int, token: str) -> None:
        self._port = port
        self._token = token
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._left = b""

    async def get(self, path: str) -> tuple[int, Any]:
        """Status and JSON of a GET."""
        return await self._call("GET", path, b"")

    async def post(self, path: str, document: Any) -> tuple[int, Any]:
        """Status and JSON of a POST."""
        return await self._call("POST", path, json.dumps(document).encode())

    async def _call(self, method: str, path: str, body: bytes) -> tuple[int, Any]:
        async with asyncio.timeout(CALL_SECONDS):
            status, head = await self._send(method, path, body, "application/json", "")
            data = b"".join([piece async for piece in self._body(head)])
        try:
            return status, json.loads(data) if data else None
        except ValueError:
            return status, data.decode("utf-8", "replace")

    async def events(self, path: str, last_id: str = "") -> AsyncIterator[Event]:
        """Events of a stream until it ends; ConnectionLostError when it breaks off."""
        more = f"Last-Event-ID: {last_id}\r\n" if last_id else ""
        async with asyncio.timeout(CALL_SECONDS):
            status, head = await self._send("GET", path, b"", "text/event-stream", more)
        if status != 200:
            async for _ in self._body(head):
                pass
            raise ConnectionLostError(f"the stream answered {status}")
        buffer = b""
        async for piece in self._body(head):
            buffer += piece
            *frames, buffer = _FRAME_END.split(buffer)
            for frame in frames:
                event = _event(frame)
                if event is not None:
                    yield event

    async def frames(self, path: str) -> AsyncIterator[tuple[str, Any]]:
        """Name and data of a stream's events until it ends."""
        async with asyncio.timeout(CALL_SECONDS):
            status, head = await self._send("GET", path, b"", "text/event-stream", "")
        if status != 200:
            raise ConnectionLostError(f"the stream answered {status}")
        buffer = b""
        async for piece in self._body(head):
            buffer += piece
            *frames, buffer = _FRAME_END.split(buffer)
            for frame in frames:
                name = data = b""
                for line in frame.splitlines():
                    if line.startswith(b"event: "):
                        name = line[7:]
                    elif line.startswith(b"data: "):
                        data = line[6:]
                if data and name != b"keepalive":
                    yield name.decode(), json.loads(data)

    async def close(self) -> None:
        """Close the connection."""
        if self._writer is not None:
            self._writer.close()
            with contextlib.suppress(OSError):
                await self._writer.wait_closed()
        self._reader = self._writer = None
        self._left = b""

    async def _send(
        self, method: str, path: str, body: bytes, accept: str, more: str
    ) -> tuple[int, bytes]:
        request = (
            f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nAccept: {accept}\r\n"
            f"Authorization: Bearer {self._token}\r\n{more}"
        )
        if method == "POST":
            request += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        data = request.encode() + b"\r\n" + body
        for fresh in (False, True):
            if fresh or self._writer is None:
                await self._connect()
            assert self._writer is not None
            try:
                self._writer.write(data)
                return await self._head()
            except (OSError, ConnectionLostError):
                await self.close()
                if fresh:
                    raise ConnectionLostError("the connection broke") from None
        raise AssertionError("unreachable")

    async def _connect(self) -> None:
        await self.close()
        try:
            self._reader, self._writer = await asyncio.open_connection(
                HOST, self._port, limit=READ_BYTES
            )
        except OSError as error:
            raise ConnectionLostError("the edge refused the connection") from error

    async def _head(self) -> tuple[int, bytes]:
        while (end := self._left.find(b"\r\n\r\n")) < 0:
            self._left += await self._read()
        head, self._left = self._left[: end + 2], self._left[end + 4 :]
        found = _STATUS.match(head)
        if found is None:
            raise ConnectionLostError("no HTTP answer")
        return int(found[1]), head

    async def _read(self) -> bytes:
        assert self._reader is not None
        data = await self._reader.read(READ_BYTES)
        if not data:
            await self.close()
            raise ConnectionLostError("the server closed the connection")
        return data

    async def _body(self, head: bytes) -> AsyncIterator[bytes]:
        if _CHUNKED.search(head):
            async for piece in self._chunks():
                yield piece
            return
        found = _LENGTH.search(head)
        left = int(found[1]) if found else 0
        while left > 0:
            if not self._left:
                self._left = await self._read()
            piece, self._left = self._left[:left], self._left[left:]
            left -= len(piece)
            yield piece

    async def _chunks(self) -> AsyncIterator[bytes]:
        while True:
            while (end := self._left.find(b"\r\n")) < 0:
                self._left += await self._read()
            size = int(self._left[:end].split(b";")[0], 16)
            needed = end + 2 + size + 2
            while len(self._left) < needed:
                self._left += await self._read()
            piece, self._left = self._left[end + 2 : end + 2 + size], self._left[needed:]
            if size == 0:
                return
            yield piece


def _event(frame: bytes) -> Event | None:
    """The event in a frame; None for comments, keep-alives and ``retry:``."""
    fields = dict(
        line.split(": ", 1)
        for line in frame.decode().splitlines()
        if ": " in line and line[0] != ":"
    )
    if "data" not in fields or fields.get("event") == "keepalive":
        return None
    data = json.loads(fields["data"])
    return Event(
        fields.get("id", ""),
        fields.get("event", ""),
        str(data.get("status", "")),
        int(data.get("seq", -1)),
    )
