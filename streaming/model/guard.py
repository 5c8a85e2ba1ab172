"""Calls to one server: paced, bounded in number and time, repeated, held off while it is down."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Final, TypeVar

from services.runtime.breaker import Breaker, Permit
from streaming.model import metrics
from streaming.model.limits import Limiter
from streaming.model.provider import (
    ModelError,
    ModelRateLimited,
    ModelTimeout,
    ModelUnavailable,
)
from streaming.model.settings import ModelSettings

R = TypeVar("R")
S = TypeVar("S")

BACKOFF_SECONDS: Final = 0.5
"""Pause before the second attempt in place; doubled for each further one."""

JITTER: Final = 0.2
"""Share of a pause that is added at random, so that callers who failed together do not come back
together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """How long a caller may be kept."""

    work_seconds: float
    """Time in calls and in pauses between them (a stage's budget)."""

    patience_seconds: float
    """Time waiting for leave to call: for a slot, for quota, for a server that is down."""


class Guard:
    """One server's limiter and circuit breaker, shared by all calls of this process."""

    def __init__(
        self,
        name: str,
        settings: ModelSettings,
        *,
        concurrency: int | None = None,
        attempts: int | None = None,
        kind: str = "",
    ) -> None:
        """With a `kind`, a guard of those calls alone: their failures and their quota say nothing
        of the server's other calls. `attempts` instead of the settings'.
        """
        self.name = name
        self._attempts = attempts or settings.model_call_attempts
        self._limiter = Limiter(
            concurrency=concurrency or settings.model_concurrency,
            per_minute=settings.model_requests_per_minute,
        )
        self._breaker = Breaker(
            window=max(settings.model_breaker_window, settings.model_breaker_failures),
            failures=settings.model_breaker_failures,
            open_seconds=settings.model_breaker_open_seconds,
            open_max_seconds=settings.model_breaker_open_max_seconds,
        )
        shown = f"{name}:{kind}" if kind else name
        self._waiting = metrics.WAITING.labels(shown)
        self._in_flight = metrics.IN_FLIGHT.labels(shown)
        metrics.watch_breaker(shown, self._breaker)

    @property
    def is_holding_off(self) -> bool:
        """Whether a call would have to wait for the server to come back."""
        return self._breaker.held(time.monotonic()) > 0

    async def call(self, kind: str, ask: Callable[[], Awaitable[R]], budget: Budget) -> R:
        """Make a call, again where that can help.

        Every failure counts as an attempt except a 429, which only means waiting. Raises what the
        last attempt raised, :class:`ModelTimeout` when the work budget is used up, and
        :class:`ModelUnavailable` or :class:`ModelRateLimited` when patience is.
        """
        until = time.monotonic() + budget.patience_seconds
        left = budget.work_seconds
        attempt = 1
        while True:
            permit = await self._admitted(until)
            began = time.monotonic()
            try:
                return await self._once(ask, left, permit)
            except ModelRateLimited as error:
                metrics.count_error(self.name, kind, error)
                pause = error.retry_after_seconds or 0.0
                self._limiter.limited(started=began, retry_after=pause)
                if time.monotonic() + pause > until:
                    raise
            except ModelError as error:
                metrics.count_error(self.name, kind, error)
                left -= time.monotonic() - began
                pause = BACKOFF_SECONDS * 2 ** (attempt - 1) * (1 + random.random() * JITTER)
                pause = max(pause, error.retry_after_seconds or 0.0)
                attempt += 1
                if not error.retryable or attempt > self._attempts or pause >= left:
                    raise
                left -= pause
                await asyncio.sleep(pause)

    @asynccontextmanager
    async def stream(
        self,
        kind: str,
        begin: Callable[[], AbstractAsyncContextManager[S]],
        patience_seconds: float,
    ) -> AsyncIterator[S]:
        """Hold a slot for as long as an answer streams. Begun once, except after a 429, which only
        means waiting: whether words that broke off are said again is for the caller to decide.

        Raises what beginning or reading the stream raises, and as :meth:`call` when `patience` is
        used up.
        """
        until = time.monotonic() + patience_seconds
        begun = False
        while True:
            permit = await self._admitted(until)
            started = time.monotonic()
            try:
                with self._outcome(permit):
                    async with begin() as stream:
                        begun = True
                        yield stream
                return
            except ModelRateLimited as error:
                metrics.count_error(self.name, kind, error)
                pause = error.retry_after_seconds or 0.0
                self._limiter.limited(started=started, retry_after=pause)
                if begun or time.monotonic() + pause > until:
                    raise
            except ModelError as error:
                metrics.count_error(self.name, kind, error)
                raise

    async def _admitted(self, until: float) -> Permit:
        """Wait for leave of the breaker and of the limiter; ends with a slot taken."""
        self._waiting.inc()
        try:
            while True:
                now = time.monotonic()
                pause = self._breaker.held(now)
                if pause > 0:
                    if now + pause > until:
                        raise ModelUnavailable("held off", retry_after_seconds=pause)
                    await asyncio.sleep(pause * (1 + random.random() * JITTER))
                    continue
                await self._limiter.acquire(max(0.0, until - now))
                permit = self._breaker.enter(time.monotonic())
                if permit is not None:
                    return permit
                self._limiter.release()
        finally:
            self._waiting.dec()

    async def _once(self, ask: Callable[[], Awaitable[R]], seconds: float, permit: Permit) -> R:
        """One call under `permit`."""
        with self._outcome(permit):
            try:
                async with asyncio.timeout(seconds):
                    return await ask()
            except TimeoutError:
                raise ModelTimeout("the time for the call is used up") from None

    @contextmanager
    def _outcome(self, permit: Permit) -> Iterator[None]:
        """Report how a call under `permit` went; the permit and its slot are given back."""
        breaker = self._breaker
        self._in_flight.inc()
        try:
            yield
        except ModelError as error:
            if isinstance(error, ModelTimeout | ModelUnavailable) and not isinstance(
                error, ModelRateLimited
            ):
                breaker.failed(permit, time.monotonic())
            else:  # it answered: nothing is wrong with the server
                breaker.succeeded(permit)
            raise
        except BaseException:
            breaker.abandoned(permit)
            raise
        else:
            breaker.succeeded(permit)
        finally:
            self._in_flight.dec()
            self._limiter.release()
