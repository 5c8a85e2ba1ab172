"""Calls over HTTP/1.1: gRPC's frames and statuses, whatever arrives and however it arrives."""

from __future__ import annotations

import asyncio
import base64
import socket
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

import grpc
import grpc.aio
import pytest
from eco2.errors.v1.error_reason_pb2 import ErrorReason
from eco2.info.v1.info_service_pb2 import ListNewsRequest, ListNewsResponse
from google.rpc import error_details_pb2, status_pb2
from hypothesis import given, settings
from hypothesis import strategies as st

from services.runtime import http1, identity, reply
from services.runtime.errors import DomainError
from services.runtime.grpc_http1 import CallConnection, CallListener
from services.runtime.http1 import MAX_REQUEST_BYTES
from services.runtime.interceptors.errors import errors
from services.runtime.interceptors.identity import identity as identified
from services.runtime.interceptors.layers import Layers
from services.runtime.interceptors.validation import validation
from services.runtime.ports import HOST
from tests.unit.authz.connection import Transport
from tests.wait import until

USER = "7a844d28-3163-58ff-8ebf-f39ecc1dc987"
LIST = "/eco2.info.v1.InfoService/ListNews"


class Info:
    """Answers with the category it was asked for; slowly, badly or with metadata where told to."""

    def __init__(self) -> None:
        self.cancelled = False
        self.proceed = asyncio.Event()

    async def list_news(self, request: ListNewsRequest, context: Any) -> ListNewsResponse:
        if request.category == "broken":
            raise DomainError(
                ErrorReason.ERROR_REASON_INVALID_CATEGORY, "100% 한글\n", metadata={"a": "b"}
            )
        if request.category == "slow":
            try:
                await self.proceed.wait()
            except asyncio.CancelledError:
                self.cancelled = True
                raise
        if request.category == "accepted":
            reply.header("Retry-After", "7")
        if request.category == "split":
            reply.header("Location", "/\r\nSet-Cookie: s_access=x")
        return ListNewsResponse(next_cursor=f"{request.category} {identity.current().user_id}")


def listener(info: Info | None = None, path: str | None = None) -> CallListener:
    handler = grpc.unary_unary_rpc_method_handler(
        (info or Info()).list_news,
        request_deserializer=ListNewsRequest.FromString,
        response_serializer=ListNewsResponse.SerializeToString,
    )
    layers = Layers((errors, identified, validation))
    return CallListener({LIST: layers.wrap(LIST, handler)}, HOST, 0, path)


def connection(info: Info | None = None) -> tuple[CallConnection, Transport]:
    made, transport = CallConnection(listener(info)), Transport()
    made.connection_made(cast(asyncio.Transport, transport))
    return made, transport


def call(
    category: str = "ai", path: str = LIST, *, frame: bytes | None = None, user: str = USER
) -> bytes:
    """A call as Envoy writes it."""
    message = ListNewsRequest(category=category).SerializeToString()
    body = frame if frame is not None else b"\0" + len(message).to_bytes(4, "big") + message
    head = (
        f"POST {path} HTTP/1.1\r\nhost: info\r\ncontent-type: application/grpc\r\nte: trailers\r\n"
        f"X-User-Id: {user}\r\ntransfer-encoding: chunked\r\n\r\n"
    )
    chunk = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
    return head.encode() + chunk + b"0\r\n\r\n"


async def answered(one: CallConnection) -> None:
    async with asyncio.timeout(5):
        while (waiting := one._waiting) is not None:
            await asyncio.wait({waiting})


def headers_of(block: bytes) -> dict[str, str]:
    return dict(line.split(": ", 1) for line in block.decode("latin-1").split("\r\n")[1:] if line)


def response_of(written: bytes) -> tuple[ListNewsResponse, dict[str, str]]:
    head, _, body = written.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    size, _, rest = body.partition(b"\r\n")
    frame, end = rest[: int(size, 16)], rest[int(size, 16) :]
    assert end == b"\r\n0\r\ngrpc-status: 0\r\n\r\n"
    assert frame[:5] == b"\0" + (len(frame) - 5).to_bytes(4, "big")
    return ListNewsResponse.FromString(frame[5:]), headers_of(head)


@given(st.data())
@settings(max_examples=40, deadline=None)
async def test_calls_of_a_connection_are_answered_however_the_bytes_arrive(
    data: st.DataObject,
) -> None:
    one, transport = connection()
    for _ in range(2):
        sent = call()
        cuts = sorted(data.draw(st.sets(st.integers(0, len(sent)), max_size=8)))
        for start, end in zip([0, *cuts], [*cuts, len(sent)], strict=True):
            one.data_received(sent[start:end])
        await answered(one)
        response, headers = response_of(transport.written)
        assert response.next_cursor == f"ai {USER}"
        assert headers["content-type"] == "application/grpc"
        assert not transport.closed
        transport.written = b""


async def test_initial_metadata_becomes_headers() -> None:
    one, transport = connection()
    one.data_received(call("accepted"))
    await answered(one)
    assert response_of(transport.written)[1]["retry-after"] == "7"


async def test_metadata_can_not_become_further_headers() -> None:
    one, transport = connection()
    one.data_received(call("split"))
    await until(lambda: transport.closed)
    assert transport.written == b""


async def test_refusal_is_headers_alone_with_details() -> None:
    one, transport = connection()
    one.data_received(call("broken"))
    await answered(one)
    head, _, body = transport.written.partition(b"\r\n\r\n")
    headers = headers_of(head)
    assert body == b""
    assert headers["content-length"] == "0"
    assert headers["grpc-status"] == str(grpc.StatusCode.INVALID_ARGUMENT.value[0])
    assert headers["grpc-message"] == "100%25 %ED%95%9C%EA%B8%80%0A"
    status = status_pb2.Status.FromString(base64.b64decode(headers["grpc-status-details-bin"]))
    info = error_details_pb2.ErrorInfo()
    assert status.details[0].Unpack(info)
    assert (info.reason, dict(info.metadata)) == ("INVALID_CATEGORY", {"a": "b"})


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (call(path="/eco2.info.v1.InfoService/Nothing"), grpc.StatusCode.UNIMPLEMENTED),
        (call(path="/"), grpc.StatusCode.UNIMPLEMENTED),
        (call(frame=b""), grpc.StatusCode.INTERNAL),
        (call(frame=b"\0\0\0\0\5abc"), grpc.StatusCode.INTERNAL),
        (call(frame=b"\1\0\0\0\0"), grpc.StatusCode.INTERNAL),
        (call(frame=b"\0\0\0\0\1\xff"), grpc.StatusCode.INVALID_ARGUMENT),
        (call(user="nobody"), grpc.StatusCode.UNAUTHENTICATED),
    ],
)
async def test_what_is_no_call_is_refused_with_a_status(sent: bytes, code: grpc.StatusCode) -> None:
    one, transport = connection()
    one.data_received(sent)
    await answered(one)
    assert headers_of(transport.written.partition(b"\r\n\r\n")[0])["grpc-status"] == str(
        code.value[0]
    )


@given(st.binary(max_size=300))
@settings(max_examples=100, deadline=None)
async def test_no_bytes_make_an_answer_without_a_call(sent: bytes) -> None:
    one, transport = connection()
    one.data_received(sent)
    assert b" 200 " not in transport.written


async def test_too_large_a_call_is_431_and_closed() -> None:
    one, transport = connection()
    one.data_received(call(frame=b"\0" * (MAX_REQUEST_BYTES + 1))[:-10])
    assert transport.closed
    assert transport.written.startswith(b"HTTP/1.1 431 ")


async def test_a_connection_that_goes_away_cancels_its_call() -> None:
    info = Info()
    one, _ = connection(info)
    one.data_received(call("slow"))
    await asyncio.sleep(0)
    waiting = one._waiting
    assert waiting is not None
    one.connection_lost(None)
    await asyncio.wait({waiting}, timeout=5)
    assert info.cancelled


async def test_a_second_call_before_the_answer_breaks_the_connection() -> None:
    info = Info()
    one, transport = connection(info)
    one.data_received(call("slow") + call())
    assert transport.closed
    one.connection_lost(None)


async def test_draining_answers_what_was_asked_and_refuses_connections() -> None:
    info = Info()
    listening = listener(info)
    await listening.listen()
    number = listening.bound_port
    reader, writer = await asyncio.open_connection(HOST, number)
    idle, idle_writer = await asyncio.open_connection(HOST, number)
    writer.write(call("slow"))
    await until(lambda: any(c._waiting for c in listening.connections))
    draining = asyncio.create_task(listening.drain(5))
    assert await idle.read() == b""
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(HOST, number)
    info.proceed.set()
    response, headers = response_of(await reader.read())
    assert (response.next_cursor, headers["connection"]) == (f"slow {USER}", "close")
    await asyncio.wait_for(draining, 10)
    for each in (writer, idle_writer):
        each.close()


async def test_a_unix_socket_is_listened_on_as_well_and_a_left_one_replaced() -> None:
    with TemporaryDirectory(dir="/tmp") as folder:
        await _serve_on_a_socket(Path(folder) / "info_reads.sock")


async def _serve_on_a_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as left_by_a_killed_process:
        left_by_a_killed_process.bind(str(path))
    listening = listener(path=str(path))
    await listening.listen()
    reader, writer = await asyncio.open_unix_connection(str(path))
    writer.write(call())
    answer = await asyncio.wait_for(reader.readuntil(b"grpc-status: 0\r\n\r\n"), 10)
    assert response_of(answer)[0].next_cursor == f"ai {USER}"
    _, other = await asyncio.open_connection(HOST, listening.bound_port)
    await listening.drain(5)
    assert await reader.read() == b""
    with pytest.raises(OSError, match=r"refused|No such file"):
        await asyncio.open_unix_connection(str(path))
    for each in (writer, other):
        each.close()


async def test_a_connection_that_nobody_uses_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http1, "IDLE_SECONDS", 0.05)
    listening = listener()
    await listening.listen()
    closing = asyncio.create_task(listening.close_idle())
    number = listening.bound_port
    reader, writer = await asyncio.open_connection(HOST, number)
    assert await asyncio.wait_for(reader.read(), 10) == b""
    writer.close()
    closing.cancel()
    listening.close()
