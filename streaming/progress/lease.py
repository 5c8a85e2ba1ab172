"""Leases: who works on a stage of a job, and the fence that tells an old holder from a new one."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from redis.asyncio import Redis

from streaming.progress import keys
from streaming.progress.publisher import JOB_SECONDS
from streaming.progress.scripts import ACQUIRE, RELEASE, RENEW, Call, run


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to work on one stage of a job, for a while."""

    job_id: str
    stage: str
    token: str
    """Who holds it: the owner's name and this acquisition's own id."""
    fence: int
    """Grows with every acquisition of any stage of the job, across losses of Redis' data too
    (milliseconds of Unix time at least). Goes into every event published under the lease."""
    ttl_seconds: float


class Leases:
    """Gives and takes leases; raises ProgressUnavailable when Redis cannot be reached.

    A lease saves doing paid work twice; it is not what keeps the job correct (that is idempotency
    in the database). Whoever loses it should stop, and can no longer publish.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def acquire(
        self, job_id: str, stage: str, owner: str, ttl_seconds: float
    ) -> Lease | None:
        """Take the lease, or None while anybody, the caller included, holds it."""
        token = f"{owner}/{uuid.uuid4().hex}"
        (fence,) = await run(
            self._redis,
            [
                Call(
                    ACQUIRE,
                    (keys.lease(job_id, stage), keys.state(job_id)),
                    (token, int(ttl_seconds * 1000), JOB_SECONDS),
                )
            ],
        )
        return Lease(job_id, stage, token, fence, ttl_seconds) if fence else None

    async def renew(self, lease: Lease) -> bool:
        """Prolong by the lease's full time; False when it went to somebody else."""
        (kept,) = await run(
            self._redis,
            [
                Call(
                    RENEW,
                    (keys.lease(lease.job_id, lease.stage), keys.state(lease.job_id)),
                    (lease.token, lease.fence, int(lease.ttl_seconds * 1000), JOB_SECONDS),
                )
            ],
        )
        return bool(kept)

    async def release(self, lease: Lease) -> None:
        """Give the lease back; nothing happens when it is no longer held."""
        await run(
            self._redis,
            [Call(RELEASE, (keys.lease(lease.job_id, lease.stage),), (lease.token, lease.fence))],
        )
