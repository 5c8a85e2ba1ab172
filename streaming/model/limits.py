"""How many calls may be in flight, and how fast new ones may start.

:class:`Pace` is pure and knows the rate; :class:`Limiter` adds the waiting.
"""

from __future__ import annotations

import asyncio
import time
from typing import Final

from streaming.model.provider import ModelRateLimited, ModelUnavailable

MIN_RATE: Final = 2.0
"""Calls per second that are always allowed: refusals that do not depend on the rate (a quota shared
with others) must not stop us altogether."""

CUT_SECONDS: Final = 1.0
"""Shortest time between two cuts: the effect of one has to be seen before the next."""

BURST_SECONDS: Final = 1.0
"""How much unused time may be made up for at once."""

GROWTH_PER_SECOND: Final = 0.10
"""A rate that was cut grows by this share a second: back to twice its value in seven seconds, so
that a quota counted per minute is met again about once a minute and not all the time."""

OBSERVED_SECONDS: Final = 5.0
"""Span over which the rate in use is measured, for a rate to cut when there was no limit."""


class Pace:
    """Token bucket whose rate is halved by a 429 and grows back afterwards.

    Without a `ceiling` there is no limit until the first 429 and none again once the rate has
    outgrown four times what was in use when it was cut.
    """

    def __init__(self, ceiling: float | None = None) -> None:
        self._ceiling = ceiling
        self._rate = ceiling
        self._release = float("inf") if ceiling is None else ceiling
        """Rate at which the cut is forgotten."""
        self._next = 0.0
        """When the next call may start, all reservations counted."""
        self._paused_until = 0.0
        self._cut_at = float("-inf")
        self._grown_at = 0.0
        self._window_start = 0.0
        self._window_calls = 0
        self._observed = 0.0

    def rate(self, now: float) -> float | None:
        """Calls a second that may start now; None for no limit."""
        if self._rate is not None and self._rate != self._ceiling:
            seconds = max(0.0, now - max(self._grown_at, self._paused_until))
            if seconds > 0:
                self._rate *= (1 + GROWTH_PER_SECOND) ** seconds
                self._grown_at = now
                if self._rate >= self._release:
                    self._rate = self._ceiling
        return self._rate

    def reserve(self, now: float) -> float:
        """Take the next place; how many seconds from now the call may start."""
        rate = self.rate(now)
        self._observe(now)
        start = max(now, self._paused_until)
        if rate is not None:
            start = max(start, self._next)
            self._next = max(start - BURST_SECONDS, self._next) + 1 / rate
        return start - now

    def wait(self, now: float) -> float:
        """What :meth:`reserve` would answer, without taking a place."""
        start = max(now, self._paused_until)
        if self.rate(now) is not None:
            start = max(start, self._next)
        return start - now

    def limited(self, now: float, *, started: float, retry_after: float) -> None:
        """A call that began at `started` was refused with 429: pause, and go on at half the rate.

        Calls that began before the last cut, or end soon after it, only prolong the pause: one
        burst of refusals is one reason to slow down.
        """
        self._paused_until = max(self._paused_until, now + retry_after)
        if started < self._cut_at or now < self._cut_at + CUT_SECONDS:
            return
        current = self.rate(now)
        in_use = current if current is not None else max(self._observed, MIN_RATE)
        if self._ceiling is None:
            self._release = max(in_use * 4, MIN_RATE * 4)
        self._rate = max(in_use / 2, MIN_RATE)
        if self._ceiling is not None:
            self._rate = min(self._rate, self._ceiling)
        self._next = max(self._next, self._paused_until)
        self._cut_at = now
        self._grown_at = now

    def _observe(self, now: float) -> None:
        span = now - self._window_start
        if span >= OBSERVED_SECONDS:
            self._observed = self._window_calls / span
            self._window_start = now
            self._window_calls = 0
        self._window_calls += 1
        self._observed = max(self._observed, self._window_calls / OBSERVED_SECONDS)


class Limiter:
    """The calls to one server from one process."""

    def __init__(self, *, concurrency: int, per_minute: float | None = None) -> None:
        self._slots = asyncio.Semaphore(concurrency)
        self._pace = Pace(None if per_minute is None else per_minute / 60)

    async def acquire(self, patience_seconds: float) -> None:
        """Take one of the calls; give it back with :meth:`release`.

        Raises :class:`ModelRateLimited` when the quota, and :class:`ModelUnavailable` when a free
        slot, would come later than `patience_seconds`.
        """
        until = time.monotonic() + patience_seconds
        if self._slots.locked():
            try:
                async with asyncio.timeout(patience_seconds):
                    await self._slots.acquire()
            except TimeoutError:
                raise ModelUnavailable("every call of this process is in use") from None
        else:
            await self._slots.acquire()  # free: does not wait
        try:
            now = time.monotonic()
            wait = self._pace.wait(now)
            if wait > 0 and now + wait > until:
                raise ModelRateLimited("the quota is used up", retry_after_seconds=wait)
            wait = self._pace.reserve(now)
            if wait > 0:
                await asyncio.sleep(wait)
        except BaseException:
            self._slots.release()
            raise

    def release(self) -> None:
        """Give a call back."""
        self._slots.release()

    def limited(self, *, started: float, retry_after: float) -> None:
        """A call that began at `started` was refused with 429."""
        self._pace.limited(time.monotonic(), started=started, retry_after=retry_after)
