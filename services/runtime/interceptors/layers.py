"""Wraps the methods of services with layers as they are added to a server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

import grpc
import grpc.aio

from services.runtime import reply
from services.runtime.interceptors.method import Call, Layer, Method, method_of
from services.runtime.interceptors.validation import lenient

if TYPE_CHECKING:
    Handler = grpc.RpcMethodHandler[Any, Any]


class Layers:
    """A stack of layers, innermost last.

    They are put around a method once, when its service is added: an interceptor of grpc.aio would
    be asked for the method's handler again in every call.
    """

    def __init__(self, layers: Sequence[Layer]) -> None:
        self._layers = tuple(layers)
        self.methods: dict[str, Handler] = {}
        """What was wrapped, by path."""

    def around(self, server: grpc.aio.Server) -> grpc.aio.Server:
        """What to give to ``add_…Servicer_to_server`` in place of `server`."""
        return cast(grpc.aio.Server, _LayeredServer(server, self.wrap))

    def wrap(self, path: str, handler: Handler) -> Handler:
        """The handler of the method ``/package.Service/Method`` with the layers around it."""
        if handler.request_streaming:
            raise NotImplementedError(f"{path}: client streaming is not served")
        method = method_of(path)
        call = (
            _streaming_call(cast(Any, handler.unary_stream))
            if handler.response_streaming
            else _unary_call(method, cast(Any, handler.unary_unary))
        )
        for layer in reversed(self._layers):
            call = layer(method, call)
        read = handler.request_deserializer
        make = (
            grpc.unary_stream_rpc_method_handler
            if handler.response_streaming
            else grpc.unary_unary_rpc_method_handler
        )
        made = make(
            call,
            request_deserializer=lenient(read) if read else None,
            response_serializer=handler.response_serializer,
        )
        self.methods[path] = made
        return made


class _LayeredServer:
    """The part of a server that generated code adds a service to."""

    def __init__(self, server: Any, wrap: Callable[[str, Handler], Handler]) -> None:
        self._server = server  # untyped: the stubs lack methods registered by name
        self._wrap = wrap

    def add_generic_rpc_handlers(self, handlers: Sequence[object]) -> None:
        """Nothing: generated code adds the same methods by name as well, and those take part."""

    def add_registered_method_handlers(self, service: str, handlers: Mapping[str, Handler]) -> None:
        """Add the methods of a service by name, wrapped."""
        self._server.add_registered_method_handlers(
            service,
            {name: self._wrap(f"/{service}/{name}", each) for name, each in handlers.items()},
        )


def _unary_call(method: Method, behaviour: Callable[[Any, Any], Awaitable[Any]]) -> Call:
    success, others = method.success_status, method.other_statuses

    async def call(request: Any, context: Any) -> Any:
        reply.begin(success, others)
        response = await behaviour(request, context)
        await reply.send(context)
        return response

    return call


def _streaming_call(behaviour: Callable[[Any, Any], AsyncIterator[Any]]) -> Call:
    async def call(request: Any, context: Any) -> None:
        stream = behaviour(request, context)
        try:
            async for message in stream:
                await context.write(message)
        finally:
            close = getattr(stream, "aclose", None)
            if close is not None:
                await close()

    return call
