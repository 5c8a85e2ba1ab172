"""Checkpoints: what a stage has worked out, kept so that a redelivery need not pay for it again."""

from __future__ import annotations

from redis.asyncio import Redis
from redis.exceptions import RedisError

from streaming.progress import keys
from streaming.progress.publisher import JOB_SECONDS
from streaming.progress.scripts import ProgressUnavailable


class Checkpoints:
    """One value a stage of a job; raises ProgressUnavailable when Redis cannot be reached.

    Losing a checkpoint costs repeating the work, never the job.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def put(self, job_id: str, stage: str, value: bytes, ttl: int = JOB_SECONDS) -> None:
        """Keep `value` for `ttl` seconds, in place of what was kept before."""
        try:
            await self._redis.set(keys.checkpoint(job_id, stage), value, ex=ttl)
        except (RedisError, OSError) as error:
            raise ProgressUnavailable(str(error)) from error

    async def get(self, job_id: str, stage: str) -> bytes | None:
        """What was kept, or None."""
        try:
            value = await self._redis.get(keys.checkpoint(job_id, stage))
        except (RedisError, OSError) as error:
            raise ProgressUnavailable(str(error)) from error
        return value.encode() if isinstance(value, str) else value
