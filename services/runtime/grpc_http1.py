"""Unary gRPC calls over HTTP/1.1, for the reads that come through the edge.

The messages are gRPC's: a framed request in, a framed response out, and a status in trailers. Only
HTTP/2 is missing, whose frames, streams and windows cost more in Python's gRPC server than all the
rest of a short read; Envoy's transcoder does not mind which HTTP carries a call. A response without
a message is headers alone, as in gRPC. Whoever speaks gRPC himself finds it on the domain's own
port.

The edge sends reads only this way: HTTP/1.1 can't say which requests a closing server has not
seen, so that what was asked may have to be asked again. A caller who wants no answer any more
closes the connection, which cancels the call. No ``grpc-timeout`` comes with these calls; the
methods' own limits bound them.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import quote

import grpc
import grpc.aio

from services.runtime import logs, telemetry
from services.runtime.http1 import Connection, Listener

if TYPE_CHECKING:
    Handler = grpc.RpcMethodHandler[Any, Any]
    Metadata = Sequence[tuple[str, str | bytes]]

log = logs.get(__name__)

FRAME_BYTES: Final = 5
"""A gRPC frame's own: whether it is compressed, and the length of its message."""

_HEAD: Final = b"HTTP/1.1 200 OK\r\ncontent-type: application/grpc\r\n"
_END: Final = b"\r\n0\r\ngrpc-status: 0\r\n\r\n"
_PRINTABLE: Final = "".join(map(chr, range(0x20, 0x7F))).replace("%", "")
"""Characters that ``grpc-message`` carries as they are."""


_TRANSPORT: Final = frozenset(
    {
        *(b"host", b"te", b"content-type", b"content-length", b"transfer-encoding", b"connection"),
        *(b"x-envoy-original-path", b"x-envoy-original-method"),
    }
)
"""Headers that are no metadata of a call: what HTTP/2 has no header for, and what the app asked."""


class Methods(Protocol):
    """Finds the handler of a method by its path; a mapping does."""

    def get(self, path: str, /) -> Handler | None:
        """The handler, or None."""


class CallListener(Listener):
    """Listens for calls of `methods`."""

    def __init__(self, methods: Methods, host: str, port: int, socket: str | None = None) -> None:
        super().__init__(host, port, CallConnection, socket)
        self.methods = methods


class CallContext:
    """A call as its method and the layers around it see it: what they use of grpc.aio's context."""

    __slots__ = ("_code", "_initial", "_message", "_metadata", "_trailing")

    def __init__(self, metadata: Metadata) -> None:
        self._metadata = metadata
        self._initial: Metadata = ()
        self._code: grpc.StatusCode | None = None
        self._message = ""
        self._trailing: Metadata = ()

    def invocation_metadata(self) -> Metadata:
        """Headers of the request."""
        return self._metadata

    def time_remaining(self) -> float | None:
        """None: the caller states no limit."""
        return None

    def code(self) -> grpc.StatusCode | None:
        """The status the call was ended with."""
        return self._code

    async def send_initial_metadata(self, metadata: Metadata) -> None:
        """Send headers with the response."""
        self._initial = metadata

    async def abort(
        self, code: grpc.StatusCode, details: str = "", trailing_metadata: Metadata = ()
    ) -> None:
        """End the call with a status; raises."""
        self._code, self._message, self._trailing = code, details, trailing_metadata
        raise grpc.aio.AbortError(details)

    def answer(self, message: bytes, *, closing: bool) -> bytes:
        """The bytes of a response: one chunk with one frame, and the status in trailers."""
        size = len(message)
        return b"%b%btransfer-encoding: chunked\r\n\r\n%x\r\n\0%b%b%b" % (
            _HEAD,
            _lines(self._initial, closing) if self._initial or closing else b"",
            size + FRAME_BYTES,
            size.to_bytes(4, "big"),
            message,
            _END,
        )

    def refusal(self, *, closing: bool) -> bytes:
        """The bytes of a status without a message."""
        code = self._code or grpc.StatusCode.UNKNOWN
        metadata = (
            ("content-length", "0"),
            ("grpc-status", str(code.value[0])),
            ("grpc-message", quote(self._message, safe=_PRINTABLE)),
            *self._initial,
            *self._trailing,
        )
        return _HEAD + _lines(metadata, closing) + b"\r\n"


def _lines(metadata: Metadata, closing: bool) -> bytes:
    """Header lines; binary values in base64, as gRPC writes them.

    ValueError, as in gRPC, for a value that would not stay in its line.
    """
    lines = [
        f"{name}: {base64.b64encode(value).decode() if isinstance(value, bytes) else value}\r\n"
        for name, value in metadata
    ]
    if closing:
        lines.append("connection: close\r\n")
    if not all(line[:-2].isprintable() for line in lines):
        raise ValueError("metadata with control characters")
    return "".join(lines).encode("latin-1")


class CallConnection(Connection):
    """One connection; its calls are served one after the other, so no second one may come early."""

    def __init__(self, listener: CallListener) -> None:
        super().__init__(listener)
        self._methods = listener.methods
        self._body = b""

    def on_message_begin(self) -> None:
        """A call begins."""
        super().on_message_begin()
        self._body = b""

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep what is metadata."""
        name = name.lower()
        if name not in _TRANSPORT:
            self._headers.append((name, value))

    def on_body(self, part: bytes) -> None:
        """A part of the frame."""
        self._body += part

    def requested(self, keep_alive: bool) -> None:
        """Serve the call."""
        if self._waiting is not None:
            self.abort()
            return
        call = self._serve(self._target.decode("latin-1"), self._body, keep_alive)
        self._waiting = self._loop.create_task(call)

    def refusal(self, status: int) -> bytes:
        """What is no call can't be answered with a gRPC status."""
        return b"HTTP/1.1 %d Refused\r\ncontent-length: 0\r\nconnection: close\r\n\r\n" % status

    def failed(self, fault: BaseException | None) -> None:
        """Into the log."""
        log.error("serving a call failed", error=repr(fault))

    async def _serve(self, path: str, frame: bytes, keep_alive: bool) -> None:
        context = CallContext(
            [(name.decode("latin-1"), value.decode("latin-1")) for name, value in self._headers]
        )
        try:
            if telemetry.enabled():
                with telemetry.serving(path, context.invocation_metadata()):
                    message = await self._call(path, frame, context)
            else:
                message = await self._call(path, frame, context)
            write: Callable[..., bytes] = partial(context.answer, message)
        except grpc.aio.AbortError:
            write = context.refusal
        except Exception as fault:
            self.fail(fault)
            return
        closing = self.closes_after(keep_alive)
        try:
            answer = write(closing=closing)
        except ValueError as fault:
            self.fail(fault)
            return
        self._waiting = None
        self.send(answer, closing=closing)

    async def _call(self, path: str, frame: bytes, context: CallContext) -> bytes:
        """The response's bytes; AbortError with the status in the context."""
        handler: Any = self._methods.get(path)
        if handler is None or handler.response_streaming:
            await context.abort(grpc.StatusCode.UNIMPLEMENTED, "no such unary method")
        if frame[:1] != b"\0" or len(frame) - FRAME_BYTES != int.from_bytes(frame[1:5], "big"):
            await context.abort(grpc.StatusCode.INTERNAL, "the request is not one plain message")
        request = handler.request_deserializer(frame[FRAME_BYTES:])
        response = await handler.unary_unary(request, context)
        made: bytes = handler.response_serializer(response)
        return made
