"""Checkpoints: what a stage has worked out, kept so that a redelivery need not pay for it again."""

from __future__ import annotations

from typing import Final

from redis.asyncio import Redis
from redis.exceptions import RedisError

from services.runtime.lua import Script
from streaming.progress import keys
from streaming.progress.publisher import JOB_SECONDS
from streaming.progress.scripts import Call, ProgressUnavailable, run

_PUT: Final = Script(
    """
-- Keep a value, unless the job has ended (its user was erased, for one).
-- KEYS  state, checkpoint
-- ARGV  1 life s  2 value
if redis.call('HEXISTS', KEYS[1], 'ended') == 1 then return 0 end
redis.call('SET', KEYS[2], ARGV[2], 'EX', ARGV[1])
return 1
"""
)


class Checkpoints:
    """One value a stage of a job; raises ProgressUnavailable when Redis cannot be reached.

    Losing a checkpoint costs repeating the work, never the job.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def put(self, job_id: str, stage: str, value: bytes, ttl: int = JOB_SECONDS) -> None:
        """Keep `value` for `ttl` seconds, in place of what was kept before; nothing of a job that
        has ended.
        """
        places = (keys.state(job_id), keys.checkpoint(job_id, stage))
        await run(self._redis, [Call(_PUT, places, (ttl, value))])

    async def get(self, job_id: str, stage: str) -> bytes | None:
        """What was kept, or None."""
        try:
            value = await self._redis.get(keys.checkpoint(job_id, stage))
        except (RedisError, OSError) as error:
            raise ProgressUnavailable(str(error)) from error
        return value.encode() if isinstance(value, str) else value
