"""Applies layers to every method as one grpc.aio interceptor."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, cast

import grpc
import grpc.aio

from services.runtime import reply
from services.runtime.interceptors.method import Call, Layer, Method, method_of
from services.runtime.interceptors.validation import lenient

if TYPE_CHECKING:
    Handler = grpc.RpcMethodHandler[Any, Any]

PLATFORM_PREFIXES = ("/grpc.health.", "/grpc.reflection.")
"""Services of gRPC itself; they take no part in identity, deadlines or validation."""


class Layers(grpc.aio.ServerInterceptor):  # type: ignore[type-arg]  # generic in the stubs only
    """Wraps each method's handler once, innermost layer last in `layers`."""

    def __init__(self, layers: Sequence[Layer]) -> None:
        self._layers = tuple(layers)
        self._handlers: dict[str, Handler | None] = {}

    async def intercept_service(  # type: ignore[override]  # None means unimplemented, and is allowed
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler | None]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler | None:
        """The wrapped handler of the method that is called; None when there is none."""
        path = handler_call_details.method
        handler = self._handlers.get(path)
        if handler is None:
            handler = await continuation(handler_call_details)
            if handler is None:
                return None
            if not path.startswith(PLATFORM_PREFIXES):
                handler = self._wrap(method_of(path), handler)
            self._handlers[path] = handler
        return handler

    def _wrap(self, method: Method, handler: Handler) -> Handler:
        if handler.request_streaming:
            raise NotImplementedError(f"{method.path}: client streaming is not served")
        call = (
            _streaming_call(cast(Any, handler.unary_stream))
            if handler.response_streaming
            else _unary_call(cast(Any, handler.unary_unary))
        )
        for layer in reversed(self._layers):
            call = layer(method, call)
        read = handler.request_deserializer
        make = (
            grpc.unary_stream_rpc_method_handler
            if handler.response_streaming
            else grpc.unary_unary_rpc_method_handler
        )
        return make(
            call,
            request_deserializer=lenient(read) if read else None,
            response_serializer=handler.response_serializer,
        )


def _unary_call(behaviour: Callable[[Any, Any], Awaitable[Any]]) -> Call:
    async def call(request: Any, context: Any) -> Any:
        reply.begin()
        response = await behaviour(request, context)
        await reply.send(context)
        return response

    return call


def _streaming_call(behaviour: Callable[[Any, Any], AsyncIterator[Any]]) -> Call:
    async def call(request: Any, context: Any) -> None:
        reply.begin()
        stream = behaviour(request, context)
        try:
            async for message in stream:
                await context.write(message)
        finally:
            close = getattr(stream, "aclose", None)
            if close is not None:
                await close()

    return call
