"""What stands behind the edge in these tests: real servers that record what reaches them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

import grpc
import grpc.aio
from eco2.auth.v1.auth_service_pb2 import GetJwksResponse
from eco2.auth.v1.session_pb2 import Jwk
from google.protobuf import descriptor_pool, message_factory
from google.protobuf.message import Message

from services.runtime.routes import routes

Behaviour = Callable[[Message, Any], Awaitable[Message]]
JWKS = "/eco2.auth.v1.AuthService/GetJwks"


@dataclass(frozen=True)
class Call:
    """One call that reached a service."""

    rpc: str
    request: Message
    metadata: tuple[tuple[str, str | bytes], ...]

    def values(self, name: str) -> list[str | bytes]:
        """Every value of a metadata key."""
        return [value for key, value in self.metadata if key == name]


@dataclass(frozen=True)
class _Details:
    method: str


@dataclass
class RecordingServices(grpc.GenericRpcHandler):  # type: ignore[type-arg]  # in the stubs only
    """Serves every method of the descriptors, INTERNAL ones included, without any check.

    Methods answer with an empty response unless `behaviours` says otherwise, so that whatever is
    refused was refused by the edge. The authorization server fetches keys by itself, every minute;
    those calls don't pass the edge and are not recorded.
    """

    keys: list[Jwk]
    calls: list[Call] = field(default_factory=list)
    behaviours: dict[str, Behaviour] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for route in routes():
            package = route.service.rpartition(".")[0]
            import_module(f"{package}.{route.domain}_service_pb2")
        pool = descriptor_pool.Default()
        self._methods = {
            route.rpc: pool.FindMethodByName(route.rpc[1:].replace("/", ".")) for route in routes()
        }
        self.behaviours[JWKS] = self._jwks

    async def _jwks(self, request: Message, context: Any) -> Message:
        return GetJwksResponse(keys=self.keys)

    def service(self, details: Any) -> Any:
        """Handler of a method."""
        method = self._methods.get(details.method)
        if method is None:
            return None
        requests = message_factory.GetMessageClass(method.input_type)
        responses = message_factory.GetMessageClass(method.output_type)

        async def answer(request: Message, context: Any) -> Message:
            metadata = tuple((str(k), v) for k, v in context.invocation_metadata() or ())
            if details.method != JWKS or ("x-eco2-edge", "1") in metadata:
                self.calls.append(Call(details.method, request, metadata))
            behaviour = self.behaviours.get(details.method)
            return responses() if behaviour is None else await behaviour(request, context)

        async def stream(request: Message, context: Any) -> None:
            await context.write(await answer(request, context))

        if method.server_streaming:
            return grpc.unary_stream_rpc_method_handler(
                stream,
                request_deserializer=requests.FromString,
                response_serializer=responses.SerializeToString,
            )
        return grpc.unary_unary_rpc_method_handler(
            answer,
            request_deserializer=requests.FromString,
            response_serializer=responses.SerializeToString,
        )

    def get(self, rpc: str) -> Any:
        """The handler of a path, as the HTTP/1.1 server of reads looks it up."""
        return self.service(_Details(rpc))

    def response_of(self, rpc: str) -> Message:
        """An empty response of a method."""
        return message_factory.GetMessageClass(self._methods[rpc].output_type)()

    def reached(self, rpc: str) -> list[Call]:
        """Calls of one method, oldest first."""
        return [call for call in self.calls if call.rpc == rpc]


@dataclass(frozen=True)
class HttpCall:
    """One HTTP request that reached the bridge or the object storage."""

    method: str
    path: str
    query: str
    headers: dict[str, str]


@dataclass
class RecordingHttp:
    """An HTTP upstream: answers with events, slowly when told to, or with a picture."""

    content_type: str
    body: tuple[bytes, ...]
    calls: list[HttpCall] = field(default_factory=list)
    proceed: asyncio.Event = field(default_factory=asyncio.Event)
    instead: Callable[[Any, Any, Any], Awaitable[None]] | None = None
    """What answers in its place, while a test says so."""

    def __post_init__(self) -> None:
        self.proceed.set()

    async def app(self, scope: Any, receive: Any, send: Any) -> None:
        """The ASGI application: the first part at once, the rest when `proceed` is set."""
        if self.instead is not None:
            await self.instead(scope, receive, send)
            return
        headers = {k.decode("latin-1"): v.decode("latin-1") for k, v in scope["headers"]}
        query = scope["query_string"].decode()
        self.calls.append(HttpCall(scope["method"], scope["raw_path"].decode(), query, headers))
        kind = [(b"content-type", self.content_type.encode())]
        await send({"type": "http.response.start", "status": 200, "headers": kind})
        for part in self.body:
            await send({"type": "http.response.body", "body": part, "more_body": True})
            await self.proceed.wait()
        await send({"type": "http.response.body", "body": b""})
