"""Readiness attempts in the protocols of the parts, as small as they can be.

The supervisor runs as long as the stack does; it speaks these few bytes itself instead of keeping
whole client libraries in memory.
"""

from __future__ import annotations

import asyncio
import struct
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from services.runtime.ports import HOST, port

READY_PATH = "/health/ready"
"""On the metrics port of a process; 200 when all it serves is ready (as gRPC health says)."""


@asynccontextmanager
async def _connection(
    host: str, port: int
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection(host, port)
    try:
        yield reader, writer
    finally:
        writer.close()


async def http(host: str, port: int, path: str, *, method: str = "GET") -> tuple[int, str]:
    """Status and body of one HTTP/1.1 exchange; raises ConnectionError for anything else."""
    request = (
        f"{method} {path} HTTP/1.1\r\nHost: {host}:{port}\r\n"
        "Connection: close\r\nContent-Length: 0\r\n\r\n"
    )
    async with _connection(host, port) as (reader, writer):
        writer.write(request.encode("ascii"))
        head, _, body = (await reader.read(-1)).partition(b"\r\n\r\n")
    words = head.split(None, 2)
    if len(words) < 2 or not words[0].startswith(b"HTTP/") or not words[1].isdigit():
        raise ConnectionError("the answer is not HTTP")
    if b"transfer-encoding: chunked" in head.lower():
        body = dechunked(body)
    return int(words[1]), body.decode(errors="replace")


def dechunked(body: bytes) -> bytes:
    """A body without its chunk framing (RFC 9112 §7.1); ConnectionError when it is cut off."""
    joined: list[bytes] = []
    rest = body
    while True:
        size_line, found, rest = rest.partition(b"\r\n")
        try:
            size = int(size_line.partition(b";")[0], 16)
        except ValueError:
            raise ConnectionError("the answer is cut off") from None
        if size == 0:
            return b"".join(joined)
        if not found or len(rest) < size + 2:
            raise ConnectionError("the answer is cut off")
        joined.append(rest[:size])
        rest = rest[size + 2 :]


async def http_ok(host: str, port: int, path: str) -> None:
    """Raise ConnectionError unless `path` answers 200."""
    status, body = await http(host, port, path)
    if status != 200:
        raise ConnectionError(f"{path} answers {status}: {body.strip()[:200]}")


async def redis_ping(host: str, port: int) -> None:
    """PING; raises while Redis still loads its data."""
    async with _connection(host, port) as (reader, writer):
        writer.write(b"PING\r\n")
        answer = await reader.readline()
    if answer.strip() not in {b"+PONG", b"-NOAUTH Authentication required."}:
        raise ConnectionError(answer.decode(errors="replace").strip() or "no answer")


async def kafka_api_versions(host: str, port: int) -> None:
    """ApiVersions v0; raises while the broker does not take requests.

    The broker serves clients only once it is registered and unfenced (KRaft start-up order).
    """
    api_key, api_version, correlation, client = 18, 0, 1, b"eco2-probe"
    request = struct.pack(">hhih", api_key, api_version, correlation, len(client)) + client
    async with _connection(host, port) as (reader, writer):
        writer.write(struct.pack(">i", len(request)) + request)
        (size,) = struct.unpack(">i", await reader.readexactly(4))
        answer = await reader.readexactly(size)
    got, error = struct.unpack(">ih", answer[:6])
    if got != correlation or error != 0:
        raise ConnectionError(f"ApiVersions answers error {error}")


async def process_ready(metrics_port: str) -> None:
    """Raise unless the process of ours with this metrics port (by name) is ready."""
    await http_ok(HOST, port(metrics_port), READY_PATH)


if __name__ == "__main__":
    asyncio.run(process_ready(sys.argv[1]))
