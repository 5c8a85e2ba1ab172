"""Bounds every unary call by the caller's budget and the method's own, whichever ends first."""

from __future__ import annotations

import asyncio
from typing import Any

from eco2.errors.v1.error_reason_pb2 import ErrorReason

from services.runtime.errors import DomainError
from services.runtime.interceptors.method import Call, Layer, Method
from services.runtime.time_limit import TimeLimit

LEAST_SECONDS = 0.005
"""A call with less budget than this can't end in time; it is refused before any work starts."""


def deadline(default_seconds: float) -> Layer:
    """The layer, with the deadline of methods that state none."""

    def layer(method: Method, call: Call) -> Call:
        own = method.timeout_seconds or (0.0 if method.streaming else default_seconds)
        limit = TimeLimit(own)

        async def bounded(request: Any, context: Any) -> Any:
            remaining = context.time_remaining()
            if remaining is None or 0.0 < own <= remaining:
                if not own:
                    return await call(request, context)
                try:
                    with limit.block():
                        return await call(request, context)
                except TimeoutError:
                    raise _exceeded(own) from None
            if remaining < LEAST_SECONDS:
                raise DomainError(
                    ErrorReason.ERROR_REASON_DEADLINE_EXCEEDED, "the call has no time budget left"
                )
            try:
                async with asyncio.timeout(remaining):
                    return await call(request, context)
            except TimeoutError:
                raise _exceeded(remaining) from None

        return bounded

    return layer


def _exceeded(seconds: float) -> DomainError:
    return DomainError(
        ErrorReason.ERROR_REASON_DEADLINE_EXCEEDED, f"not done within {seconds:.3g} s"
    )
