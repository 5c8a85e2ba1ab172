"""Connections to strangers' servers, whose answers are read up to a limit."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final, cast

import httpx2

_PLAIN: Final = "identity"


class OversizedAnswerError(httpx2.TransportError):
    """An answer is larger than what is read, or could become so when unpacked."""


class BoundedTransport(httpx2.AsyncBaseTransport):
    """Shared connections: a client that ends leaves them open for the next one.

    Answers above `limit_bytes` fail with OversizedAnswerError, and packed ones always do: ask for
    ``accept-encoding: identity``.
    """

    def __init__(self, limit_bytes: int) -> None:
        self._inner = httpx2.AsyncHTTPTransport(verify=httpx2.create_ssl_context())
        self._limit = limit_bytes

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request; the answer's body fails when it is read too far."""
        answer = await self._inner.handle_async_request(request)
        stream = cast(httpx2.AsyncByteStream, answer.stream)
        if answer.headers.get("content-encoding", _PLAIN) != _PLAIN:
            await stream.aclose()
            raise OversizedAnswerError("a packed answer was not asked for", request=request)
        return httpx2.Response(
            answer.status_code,
            headers=answer.headers,
            stream=_BoundedStream(stream, self._limit),
            extensions=answer.extensions,
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._inner.aclose()


class _BoundedStream(httpx2.AsyncByteStream):
    def __init__(self, inner: httpx2.AsyncByteStream, limit: int) -> None:
        self._inner = inner
        self._left = limit

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._inner:
            self._left -= len(chunk)
            if self._left < 0:
                raise OversizedAnswerError("the answer is too large")
            yield chunk

    async def aclose(self) -> None:
        await self._inner.aclose()
