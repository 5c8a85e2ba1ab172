"""What a photo has cost so far, in CPU time: the same on an idle machine and on a busy one."""

from __future__ import annotations

import asyncio
import resource
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")


class Effort:
    """CPU seconds that may be spent on a photo, and the time by which it has to be over."""

    def __init__(self, budget_seconds: float, deadline: float) -> None:
        """`deadline` in seconds of :func:`time.monotonic`."""
        self.left = budget_seconds
        """CPU seconds that may still be spent; below zero when it became more."""
        self._deadline = deadline

    @property
    def patience(self) -> float:
        """Seconds until the deadline; negative after it."""
        return self._deadline - time.monotonic()

    @property
    def is_spent(self) -> bool:
        """Whether nothing further should be begun."""
        return self.left <= 0 or self.patience <= 0

    async def in_thread(self, work: Callable[[], T]) -> T:
        """Do something in a thread, at the cost of the CPU time it took there."""

        def measured() -> tuple[T, float]:
            began = time.thread_time()
            done = work()
            return done, time.thread_time() - began

        done, seconds = await asyncio.to_thread(measured)
        self.left -= seconds
        return done

    @contextmanager
    def of_children(self) -> Iterator[None]:
        """Run a child process of one thread within, at its cost.

        The kernel tells the CPU time of all children that ended meanwhile. What another photo's
        child took may be among it, but a run never counts for more than the time it lasted.
        """
        began, cpu = time.monotonic(), _children_seconds()
        try:
            yield
        finally:
            self.left -= min(time.monotonic() - began, _children_seconds() - cpu)


def _children_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
