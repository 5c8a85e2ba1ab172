from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.local import probe
from services.runtime.ports import HOST


@asynccontextmanager
async def _answering(answer: bytes) -> AsyncIterator[int]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(answer)
        writer.close()

    server = await asyncio.start_server(serve, HOST, 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


@given(st.lists(st.binary(min_size=1, max_size=40)))
def test_chunks_are_joined(chunks: list[bytes]) -> None:
    framed = b"".join(b"%x;a=b\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)
    assert probe.dechunked(framed + b"0\r\n\r\n") == b"".join(chunks)


@given(st.binary(min_size=1, max_size=40), st.data())
def test_a_body_that_is_cut_off_is_noticed(chunk: bytes, data: st.DataObject) -> None:
    framed = b"%x\r\n%b\r\n" % (len(chunk), chunk)
    cut = data.draw(st.integers(0, len(framed)))
    with pytest.raises(ConnectionError):
        probe.dechunked(framed[:cut])


async def test_a_healthy_answer_passes_and_another_says_why_not() -> None:
    async with _answering(b"HTTP/1.1 200 OK\r\n\r\nfine") as port:
        await probe.http_ok(HOST, port, "/")
    async with _answering(b"HTTP/1.1 503 No\r\n\r\nredis is away") as port:
        with pytest.raises(ConnectionError, match="answers 503: redis is away"):
            await probe.http_ok(HOST, port, "/")


@pytest.mark.parametrize("answer", [b"", b"SSH-2.0-x\r\n", b"HTTP/1.1\r\n\r\n"])
async def test_what_is_not_http_is_not_ready(answer: bytes) -> None:
    async with _answering(answer) as port:
        with pytest.raises(ConnectionError):
            await probe.http_ok(HOST, port, "/")


async def test_redis_that_still_loads_is_not_ready() -> None:
    async with _answering(b"-LOADING Redis is loading the dataset in memory\r\n") as port:
        with pytest.raises(ConnectionError, match="LOADING"):
            await probe.redis_ping(HOST, port)


async def test_kafka_is_ready_when_it_answers_without_an_error() -> None:
    async with _answering(b"\0\0\0\6\0\0\0\1\0\0") as port:
        await probe.kafka_api_versions(HOST, port)
    async with _answering(b"\0\0\0\6\0\0\0\1\0\x23") as port:
        with pytest.raises(ConnectionError, match="35"):
            await probe.kafka_api_versions(HOST, port)
