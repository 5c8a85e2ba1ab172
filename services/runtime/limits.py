"""Rate limits that all replicas share: so many calls of one subject in a sliding window.

Redis keeps, for each subject, the times of the latest calls that were let through, never more of
them than the limit. A call is let through when there are fewer, or when the oldest of them has left
the window. So no window of that length, wherever it begins, sees more calls than the limit, and
what is refused costs the subject nothing.

Availability goes before the limit: while Redis does not answer, calls are let through and counted
in ``rate_limit_unchecked_total``.
"""

from __future__ import annotations

import asyncio
import hashlib
import ipaddress
import time
from dataclasses import dataclass
from typing import Final

from eco2.errors.v1.error_reason_pb2 import ErrorReason
from prometheus_client import Counter
from redis.asyncio import Redis
from redis.exceptions import RedisError

from services.runtime import logs
from services.runtime.errors import DomainError
from services.runtime.lua import Script

log = logs.get(__name__)

CHECK_SECONDS: Final = 0.5
"""Budget of asking Redis; an answer takes well under a millisecond."""

MOST_AT_ONCE: Final = 4
"""Calls of one limit that ask Redis at the same time in a process. More wait for their turn, and
their budget begins with it: else a burst that has to open many connections would find Redis too
slow, and so pass unasked just when it should be limited."""

AWAY_SECONDS: Final = 1.0
"""After Redis did not answer, calls are let through unasked for so long, so that an outage does not
cost each of them the budget."""

_SUBJECT_BYTES: Final = 16

_REFUSED = Counter("rate_limit_refused_total", "Calls over a limit.", ["limit"])
_UNCHECKED = Counter(
    "rate_limit_unchecked_total", "Calls let through because Redis did not answer.", ["limit"]
)

_SCRIPT: Final = Script(
    """
-- Answers 0 when the call is let through, else the microseconds until one would be.
-- KEYS  times of the latest calls let through, newest first
-- ARGV  1 calls  2 window in microseconds
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local oldest = redis.call('LINDEX', KEYS[1], ARGV[1] - 1)
if oldest then
  local left = oldest + ARGV[2] - now
  if left > 0 then return left end
end
redis.call('LPUSH', KEYS[1], string.format('%.0f', now))
redis.call('LTRIM', KEYS[1], 0, ARGV[1] - 1)
redis.call('PEXPIRE', KEYS[1], math.ceil(ARGV[2] / 1000))
return 0
"""
)


@dataclass(frozen=True, slots=True)
class Limit:
    """How much of something a subject may do."""

    name: str
    """For keys, metrics and logs, for example ``scan-submit``."""
    calls: int
    """Calls in one window; 0 switches the limit off."""
    window_seconds: float = 60.0


class RateLimiter:
    """Enforces one limit."""

    def __init__(self, redis: Redis, limit: Limit) -> None:
        self._redis = redis
        self._limit = limit
        self._turns = asyncio.Semaphore(MOST_AT_ONCE)
        self._away_until = 0.0

    async def check(self, subject: str) -> None:
        """Count a call of `subject` (a user, an address), or raise DomainError RATE_LIMITED.

        An empty subject is nobody in particular and never limited.
        """
        if not self._limit.calls or not subject:
            return
        wait_seconds = await self._ask(subject)
        if wait_seconds <= 0:
            return
        _REFUSED.labels(self._limit.name).inc()
        raise DomainError(
            ErrorReason.ERROR_REASON_RATE_LIMITED,
            f"at most {self._limit.calls} calls in {self._limit.window_seconds:g} s",
            metadata={
                "limit": str(self._limit.calls),
                "window_seconds": f"{self._limit.window_seconds:g}",
            },
            retry_after_seconds=wait_seconds,
        )

    async def _ask(self, subject: str) -> float:
        """Seconds to wait; 0 when the call is let through."""
        async with self._turns:
            if time.monotonic() < self._away_until:
                _UNCHECKED.labels(self._limit.name).inc()
                return 0.0
            try:
                async with asyncio.timeout(CHECK_SECONDS):
                    return await self._microseconds(subject) / 1e6
            except (RedisError, OSError, TimeoutError) as error:
                self._away_until = time.monotonic() + AWAY_SECONDS
                _UNCHECKED.labels(self._limit.name).inc()
                log.warning(
                    "limit not checked",
                    limit=self._limit.name,
                    error=str(error) or "no answer in time",
                )
                return 0.0

    async def _microseconds(self, subject: str) -> int:
        """What the script answers."""
        window = round(self._limit.window_seconds * 1e6)
        key = key_of(self._limit, subject)
        return int(await _SCRIPT.run(self._redis, [key], self._limit.calls, window))


def network_of(address: str) -> str:
    """Whom a client address stands for: itself, or for IPv6 its /64, which one client has alone and
    can take any address of. What is no address stays as it is.
    """
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)


def key_of(limit: Limit, subject: str) -> str:
    """Redis key of a subject; a digest, so that no user or address is kept in plain text."""
    digest = hashlib.blake2b(subject.encode(), digest_size=_SUBJECT_BYTES).hexdigest()
    return f"limit:{limit.name}:{digest}"
