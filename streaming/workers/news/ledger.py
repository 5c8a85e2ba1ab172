"""What the replicas of the news worker agree on in Redis: whose turn it is, and the day's calls."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any, Final

from redis.asyncio import Redis

from services.runtime.lua import Script
from services.runtime.seoul import SEOUL

_QUOTA_SECONDS: Final = 2 * 86_400
"""How long a day's count is kept."""

_TAKE: Final = Script(
    """
-- Answers 1 and counts when the calls still fit into the day, else 0.
-- KEYS  count of the day
-- ARGV  1 calls  2 calls a day  3 seconds to keep the count
local used = tonumber(redis.call('GET', KEYS[1]) or '0')
if used + tonumber(ARGV[1]) > tonumber(ARGV[2]) then return 0 end
redis.call('INCRBY', KEYS[1], ARGV[1])
redis.call('EXPIRE', KEYS[1], ARGV[3])
return 1
"""
)

_END_TURN: Final = Script(
    """
-- A time of 0 deletes the key.
-- KEYS  turn
-- ARGV  1 who has it  2 milliseconds until somebody may have it again
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return 1
"""
)


class Ledger:
    """Turns and quotas.

    Every method raises RedisError, OSError or TimeoutError while Redis is away: nothing is
    collected then, as nobody could tell who else does and how much is left.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def take_turn(self, source: str, seconds: float) -> str | None:
        """Begin a collection unless somebody has the turn; a token for :meth:`end_turn`, or None.

        It is somebody else's after so many seconds, which must be more than a collection may take.
        """
        token = uuid.uuid4().hex
        taken = await self._redis.set(_turn(source), token, nx=True, px=int(seconds * 1000) or 1)
        return token if taken else None

    async def end_turn(self, source: str, token: str, rest_seconds: float) -> None:
        """Let the next collection begin in so many seconds, if the turn is still that of `token`.

        The turn is not given back: that it has been taken is what keeps the interval, across
        replicas and restarts.
        """
        rest = max(0, int(rest_seconds * 1000))
        await _END_TURN.run(self._redis, [_turn(source)], token, rest)

    async def take_calls(self, source: str, calls: int, per_day: int, now: datetime) -> bool:
        """Count calls to a provider, or False when the day's are used up."""
        key = _quota(source, now)
        return bool(await _TAKE.run(self._redis, [key], calls, per_day, _QUOTA_SECONDS))

    async def used(self, source: str, now: datetime) -> int:
        """Calls of the day so far."""
        value: Any = await self._redis.get(_quota(source, now))
        return int(value or 0)


def _turn(source: str) -> str:
    return f"news:turn:{source}"


def _quota(source: str, now: datetime) -> str:
    """Both providers' days are taken to begin at midnight in Korea."""
    return f"news:quota:{source}:{now.astimezone(SEOUL):%Y%m%d}"
