"""Native gRPC calls with an empty request."""

from __future__ import annotations

from collections.abc import Iterable

import grpc
import grpc.aio


def _same(message: bytes) -> bytes:
    return message


async def status_of_call(
    channel: grpc.aio.Channel,
    rpc: str,
    metadata: Iterable[tuple[str, str]] = (),
    *,
    streaming: bool = False,
    timeout_seconds: float = 10.0,
) -> grpc.StatusCode:
    """Call a method; the status it ends with."""
    pairs = tuple(metadata)
    try:
        if streaming:
            stream = channel.unary_stream(
                rpc, request_serializer=_same, response_deserializer=_same
            )
            async for _ in stream(b"", metadata=pairs, timeout=timeout_seconds):
                pass
        else:
            unary = channel.unary_unary(rpc, request_serializer=_same, response_deserializer=_same)
            await unary(b"", metadata=pairs, timeout=timeout_seconds)
    except grpc.aio.AioRpcError as error:
        return error.code()
    return grpc.StatusCode.OK
