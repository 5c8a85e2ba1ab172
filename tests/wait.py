"""Waiting for a condition instead of sleeping."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


async def until(
    probe: Callable[[], T | None | Awaitable[T | None]],
    *,
    within_seconds: float = 10.0,
    every_seconds: float = 0.02,
    what: str = "the condition",
) -> T:
    """Return the probe's first truthy answer; TimeoutError naming `what` and the last answer."""
    deadline = time.monotonic() + within_seconds
    while True:
        answer = probe()
        if inspect.isawaitable(answer):
            answer = await answer
        if answer:
            return answer  # type: ignore[return-value]  # narrowed: truthy, not awaitable
        if time.monotonic() >= deadline:
            raise TimeoutError(f"{what} did not hold within {within_seconds} s; last: {answer!r}")
        await asyncio.sleep(every_seconds)
