"""Waiting for a condition instead of sleeping."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, overload

T = TypeVar("T")


@overload
async def until(
    probe: Callable[[], Awaitable[T | None]],
    *,
    within_seconds: float = ...,
    every_seconds: float = ...,
    what: str = ...,
) -> T: ...
@overload
async def until(
    probe: Callable[[], T | None],
    *,
    within_seconds: float = ...,
    every_seconds: float = ...,
    what: str = ...,
) -> T: ...
async def until(
    probe: Callable[[], Any],
    *,
    within_seconds: float = 10.0,
    every_seconds: float = 0.02,
    what: str = "the condition",
) -> Any:
    """Return the probe's first truthy answer; TimeoutError naming `what` and the last answer."""
    deadline = time.monotonic() + within_seconds
    while True:
        answer = probe()
        if inspect.isawaitable(answer):
            answer = await answer
        if answer:
            return answer
        if time.monotonic() >= deadline:
            raise TimeoutError(f"{what} did not hold within {within_seconds} s; last: {answer!r}")
        await asyncio.sleep(every_seconds)
