"""Bounds every unary call by the caller's budget and the method's own, whichever ends first."""

from __future__ import annotations

import asyncio
from typing import Any

from eco2.errors.v1.error_reason_pb2 import ErrorReason

from services.runtime.errors import DomainError
from services.runtime.interceptors.method import Call, Layer, Method

LEAST_SECONDS = 0.005
"""A call with less budget than this can't end in time; it is refused before any work starts."""


def deadline(default_seconds: float) -> Layer:
    """The layer, with the deadline of methods that state none."""

    def layer(method: Method, call: Call) -> Call:
        own = method.timeout_seconds or (0.0 if method.streaming else default_seconds)

        async def bounded(request: Any, context: Any) -> Any:
            remaining = context.time_remaining()
            budget = own if remaining is None else min(own or remaining, remaining)
            if remaining is not None and remaining < LEAST_SECONDS:
                raise DomainError(
                    ErrorReason.ERROR_REASON_DEADLINE_EXCEEDED, "the call has no time budget left"
                )
            if not budget:
                return await call(request, context)
            try:
                async with asyncio.timeout(budget):
                    return await call(request, context)
            except TimeoutError:
                raise DomainError(
                    ErrorReason.ERROR_REASON_DEADLINE_EXCEEDED,
                    f"not done within {budget:.3g} s",
                ) from None

        return bounded

    return layer
