"""Erasing what Redis keeps of jobs before its time is over."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from redis.asyncio import Redis

from services.runtime.lua import Script
from streaming.progress import keys, stages
from streaming.progress.publisher import JOB_SECONDS
from streaming.progress.scripts import Call, run

_STAGES: Final = tuple({**stages.SCAN, **stages.CHAT})

_ERASE: Final = Script(
    """
-- Remove a job's events, also those in the shard stream, its state and what its stages left.
-- Of a job that may still be worked on, a mark stays, which keeps whatever its stages publish out.
-- KEYS  shard stream, job stream, state, keys of the stages ..
-- ARGV  1 '1' when the job may still be worked on  2 life of the mark s
for _, entry in ipairs(redis.call('XRANGE', KEYS[2], '-', '+')) do
  redis.call('XDEL', KEYS[1], entry[1])
end
redis.call('DEL', unpack(KEYS, 2))
if ARGV[1] == '1' then
  redis.call('HSET', KEYS[3], 'ended', '0-0', 'erased', '1')
  redis.call('EXPIRE', KEYS[3], ARGV[2])
end
return 0
"""
)


async def erase_jobs(redis: Redis, jobs: Mapping[str, bool]) -> None:
    """Erase jobs by id; the value says whether a job may still be worked on.

    Repeating it is harmless. Raises :class:`~streaming.progress.scripts.ProgressUnavailable`.
    """
    calls = [
        Call(_ERASE, _keys(job_id), ("1" if running else "0", JOB_SECONDS))
        for job_id, running in jobs.items()
    ]
    if calls:
        await run(redis, calls)


def _keys(job_id: str) -> tuple[str, ...]:
    return (
        keys.SHARD_STREAMS[keys.shard_of(job_id)],
        keys.events(job_id),
        keys.state(job_id),
        *(keys.lease(job_id, stage) for stage in _STAGES),
        *(keys.checkpoint(job_id, stage) for stage in _STAGES),
    )
