"""Running branches under their policies: time-out, retries, breaker, and what a failure means."""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections.abc import Callable, Mapping
from typing import Final

import grpc.aio

from services.runtime import logs
from services.runtime.breaker import Breaker
from services.runtime.outbound import OutboundError, OutboundRefused
from streaming.chat import metrics
from streaming.chat.branch import Branch, BranchError, BranchResult, Connected
from streaming.chat.policies import (
    BREAKER_SECONDS,
    ENRICHMENT_SECONDS,
    RETRY_PAUSE_SECONDS,
    FailMode,
    Policy,
    policy_of,
)
from streaming.chat.turn import TurnContext
from streaming.model.provider import ModelError

log = logs.get(__name__)

_FAULTS_OF_THE_QUESTION: Final = frozenset(
    {grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND}
)


class BranchClosed(Exception):  # noqa: N818 - says what happened to the branch
    """A branch without which there is no answer has failed."""


class Tools:
    """The branches of this process, each behind its own breaker."""

    def __init__(
        self,
        branches: Mapping[str, Branch],
        *,
        policies: Callable[[str], Policy] = policy_of,
        breaker_seconds: float = BREAKER_SECONDS,
    ) -> None:
        self._branches = branches
        self._policies = {name: policies(name) for name in branches}
        self._breakers = {
            name: Breaker(
                # that many in a row
                window=policy.breaker_failures,
                failures=policy.breaker_failures,
                open_seconds=breaker_seconds,
                open_max_seconds=breaker_seconds,
            )
            for name, policy in self._policies.items()
        }

    @property
    def names(self) -> frozenset[str]:
        """The branches there are."""
        return frozenset(self._branches)

    def is_connected(self, name: str) -> bool:
        """Whether there is such a branch, with a tool behind it."""
        branch = self._branches.get(name)
        return branch is not None and (not isinstance(branch, Connected) or branch.connected)

    async def run(
        self,
        name: str,
        context: TurnContext,
        *,
        own: bool = False,
        within_seconds: float = ENRICHMENT_SECONDS,
    ) -> BranchResult | None:
        """What a branch found, or what its failure leaves: None when the turn goes on without it.

        `own`: whether it answers the question, so that its failure can't be passed over in silence
        and its tries are as many as its policy says. One that only enriches has so many seconds for
        all its tries.
        Raises :class:`BranchClosed` when the turn can't. KeyError for an unknown branch.
        """
        policy, breaker = self._policies[name], self._breakers[name]
        outcome = "error"
        until = math.inf if own else time.monotonic() + within_seconds
        for attempt in range(policy.retries + 1):
            seconds = min(policy.timeout_seconds, until - time.monotonic())
            if attempt:
                if seconds < policy.timeout_seconds / 2:
                    break  # too little for a try: it would only count as a failure
                pause = RETRY_PAUSE_SECONDS * 2 ** (attempt - 1)
                await asyncio.sleep(random.uniform(0, pause))
            permit = breaker.enter(time.monotonic())
            if permit is None:
                outcome = "held_off"
                break
            try:
                async with asyncio.timeout(seconds):
                    result = await self._branches[name].run(context)
            except TimeoutError:
                breaker.failed(permit, time.monotonic())
                outcome = "timeout"
            except Exception as error:
                again, counts = _meaning(error)
                if counts:
                    breaker.failed(permit, time.monotonic())
                else:
                    breaker.succeeded(permit)
                outcome = "error"
                _tell(name, error, attempt)
                if not again:
                    break
            except BaseException:
                breaker.abandoned(permit)
                raise
            else:
                breaker.succeeded(permit)
                _count(name, result)
                return result
        metrics.BRANCHES.labels(name, outcome).inc()
        log.repeated("a branch failed", branch=name, outcome=outcome, then=policy.fail)
        if policy.fail is FailMode.CLOSE:
            raise BranchClosed(name)
        if own or policy.fail is FailMode.FALLBACK:
            return self._branches[name].unavailable(context)
        return None


def _meaning(error: Exception) -> tuple[bool, bool]:
    """Whether trying again can help, and whether the breaker counts the failure."""
    match error:
        case BranchError() | ModelError():
            return error.retryable, error.retryable
        case OutboundRefused():
            return False, False
        case OutboundError():
            # that module has retried already
            return False, True
        case grpc.aio.AioRpcError():
            own = error.code() in _FAULTS_OF_THE_QUESTION
            return not own, not own
        case _:
            return False, True


def _tell(name: str, error: Exception, attempt: int) -> None:
    known = isinstance(error, BranchError | ModelError | OutboundError | grpc.aio.AioRpcError)
    if known:
        log.info("a branch's try failed", branch=name, tries=attempt + 1, error=_text(error))
    else:
        log.exception("a branch is faulty", branch=name)


def _text(error: Exception) -> str:
    return error.code().name if isinstance(error, grpc.aio.AioRpcError) else str(error)


def _count(name: str, result: BranchResult) -> None:
    if result.needs_input is not None:
        outcome = "asked"
    else:
        outcome = "ok" if result.available else "unavailable"
    metrics.BRANCHES.labels(name, outcome).inc()
