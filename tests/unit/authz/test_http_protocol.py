"""The HTTP wire's server: answers in order, survives what it should not be sent."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.authz.authorizer import Authorizer
from edge.authz.http_protocol import MAX_WAITING, HttpWire
from services.runtime.http1 import MAX_REQUEST_BYTES
from services.runtime.ports import HOST
from tests.unit.authz.connection import Connection, request
from tests.unit.authz.test_wires_agree import NOW, ORIGINS, TOKENS, UNKNOWN, authorizer
from tests.wait import until

ME = b"/check/api/v1/users/me"
GOOD = [("authorization", f"Bearer {TOKENS[0]}")]
FOREIGN = [("authorization", f"Bearer {UNKNOWN.sign(UNKNOWN.claims(NOW))}")]


def connection(decided: Authorizer | None = None) -> Connection:
    return Connection(HttpWire(decided or authorizer(), ORIGINS, "", 0))


async def test_pipelined_requests_are_answered_in_order() -> None:
    one = connection()
    verbs = ["GET", "HEAD", "GET", "OPTIONS", "GET"]
    one.protocol.data_received(
        request("GET", ME, GOOD)
        + request("HEAD", ME)
        + request("GET", b"/nothing")
        + request("OPTIONS", ME)
        + request("GET", ME)
    )
    answers = await one.answers(verbs)
    assert [answer.status for answer in answers] == [200, 404, 404, 200, 401]


async def test_requests_behind_one_that_waits_for_a_key_wait_too() -> None:
    one = connection()
    one.protocol.data_received(request("GET", ME, FOREIGN) + request("GET", ME, GOOD))
    one.send("GET", ME)
    assert one.transport.written == b""
    answers = await one.answers(["GET"] * 3)
    assert [answer.status for answer in answers] == [401, 200, 401]


async def test_a_peer_that_does_not_wait_for_answers_is_cut_off() -> None:
    one = connection()
    one.protocol.data_received(request("GET", ME, FOREIGN) + request("GET", ME) * MAX_WAITING)
    assert one.transport.closed


@given(st.data())
@settings(max_examples=60, deadline=None)
async def test_it_does_not_matter_how_the_bytes_arrive(data: st.DataObject) -> None:
    sent = request("GET", ME, GOOD) + request("POST", ME, body=b"x" * 30) + request("GET", ME, GOOD)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(sent)), max_size=12)))
    one = connection()
    for start, end in zip([0, *cuts], [*cuts, len(sent)], strict=True):
        one.protocol.data_received(sent[start:end])
    answers = await one.answers(["GET", "POST", "GET"])
    assert [answer.status for answer in answers] == [200, 404, 200]


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET /check HTTP/1.1\r\nhost authz\r\n\r\n",
        b"GET /check HTTP/9.9\r\n\r\n",
        b"GET /check\x00 HTTP/1.1\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"CONNECT a:1 HTTP/1.1\r\nhost: a\r\n\r\n",
        b"POST /check HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
        b"POST /check HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"GET /check HTTP/1.1\r\nx: a\r\n b: c\r\n\x01\r\n\r\n",
    ],
)
async def test_what_is_not_http_is_answered_400_and_closed(sent: bytes) -> None:
    one = connection()
    one.protocol.data_received(sent)
    assert one.transport.closed
    assert one.transport.written.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 404 "))
    assert b"\r\nx-user-id" not in one.transport.written


@given(st.binary(max_size=400))
@settings(max_examples=200, deadline=None)
async def test_no_bytes_open_anything(sent: bytes) -> None:
    one = connection()
    one.protocol.data_received(sent)
    assert b" 200 " not in one.transport.written


async def test_too_large_a_request_is_431_and_closed() -> None:
    one = connection()
    one.protocol.data_received(b"GET /check HTTP/1.1\r\n")
    line = b"x: " + b"a" * 8000 + b"\r\n"
    for _ in range(MAX_REQUEST_BYTES // len(line) + 1):
        assert not one.transport.closed
        one.protocol.data_received(line)
    assert one.transport.closed
    assert one.transport.written.startswith(b"HTTP/1.1 431 ")


async def test_ten_kilobytes_of_headers_are_read() -> None:
    one = connection()
    one.send("GET", ME, [("x-long", "a" * 10_000), *GOOD])
    (answer,) = await one.answers(["GET"])
    assert answer.status == 200


async def test_oversized_token_is_refused() -> None:
    one = connection()
    one.send("GET", ME, [("authorization", f"Bearer {'a' * 4000}.{'b' * 4000}.c")])
    (answer,) = await one.answers(["GET"])
    assert (answer.status, b"TOKEN_INVALID" in answer.body) == (401, True)


async def test_connection_close_is_honoured() -> None:
    one = connection()
    one.send("GET", ME, [("connection", "close"), *GOOD])
    (answer,) = await one.answers(["GET"])
    assert (answer.status, answer.closing, one.transport.closed) == (200, True, True)


async def test_fault_while_answering_breaks_the_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    decided = authorizer()

    def broken(_: object) -> None:
        raise RuntimeError("no idea")

    monkeypatch.setattr(decided, "decide_at_once", broken)
    one = connection(decided)
    one.send("GET", ME, GOOD)
    assert (one.transport.closed, one.transport.written) == (True, b"")


async def test_a_peer_that_takes_no_answers_is_not_read() -> None:
    one = connection()
    one.protocol.pause_writing()
    assert not one.transport.reading
    one.protocol.resume_writing()
    assert one.transport.reading


async def test_draining_answers_what_was_asked_and_closes_the_rest() -> None:
    wire = HttpWire(authorizer(), ORIGINS, HOST, 0)
    serving = asyncio.create_task(wire.run())
    await until(lambda: wire.listening)
    number = wire.bound_port
    reader, writer = await asyncio.open_connection(HOST, number)
    idle, idle_writer = await asyncio.open_connection(HOST, number)
    sent = request("GET", ME, GOOD)
    writer.write(sent[:50])
    await until(lambda: len(wire.connections) == 2 and any(c._size for c in wire.connections))
    draining = asyncio.create_task(wire.drain(5))
    assert await idle.read() == b""
    assert not wire.listening
    writer.write(sent[50:])
    answer = await reader.read()
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"connection: close" in answer
    await asyncio.wait_for(draining, 10)
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)
    for each in (writer, idle_writer):
        each.close()
