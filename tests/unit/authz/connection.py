"""A connection of the HTTP wire in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast

from edge.authz.http_protocol import CheckProtocol, HttpWire


class Transport:
    """Keeps what is written."""

    def __init__(self) -> None:
        self.written = b""
        self.closed = False
        self.reading = True

    def write(self, data: bytes) -> None:
        assert not self.closed
        self.written += data

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    abort = close

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True


@dataclass
class Answered:
    """One answer."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    """Without content-length and connection."""
    body: bytes = b""
    closing: bool = False


class Connection:
    """Sends bytes to the protocol and reads its answers."""

    def __init__(self, wire: HttpWire) -> None:
        self.transport = Transport()
        self.protocol = CheckProtocol(wire)
        self.protocol.connection_made(cast(asyncio.Transport, self.transport))

    def send(
        self, verb: str, target: bytes, headers: Sequence[tuple[str, str]] = (), body: bytes = b""
    ) -> None:
        """Send a whole request."""
        self.protocol.data_received(request(verb, target, headers, body))

    async def answers(self, verbs: Sequence[str]) -> list[Answered]:
        """The answers to requests with these verbs, all there are."""
        async with asyncio.timeout(5):
            while (waiting := self.protocol._waiting) is not None:
                await asyncio.wait({waiting})
        rest = self.transport.written
        found = []
        for verb in verbs:
            head, _, rest = rest.partition(b"\r\n\r\n")
            status, *lines = head.decode("latin-1").split("\r\n")
            headers = dict(line.split(": ", 1) for line in lines)
            length = int(headers.pop("content-length"))
            closing = headers.pop("connection", "") == "close"
            if verb == "HEAD":
                length = 0
            body, rest = rest[:length], rest[length:]
            found.append(Answered(int(status.split()[1]), headers, body, closing))
        assert rest == b"", "an answer too many"
        return found


def request(
    verb: str, target: bytes, headers: Sequence[tuple[str, str]] = (), body: bytes = b""
) -> bytes:
    """A request as Envoy would write it."""
    lines = [verb.encode() + b" " + target + b" HTTP/1.1", b"host: authz"]
    lines += [f"{name}: {value}".encode("latin-1") for name, value in headers]
    lines.append(b"content-length: %d" % len(body))
    return b"\r\n".join(lines) + b"\r\n\r\n" + body
