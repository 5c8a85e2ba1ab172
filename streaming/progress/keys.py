"""Names of the Redis keys that carry progress.

Everything about one job lies in the slot of its shard: the shard number is the hash tag, so a
script may touch the shard stream, the job's own stream and its state together on Redis Cluster.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import Final

SHARDS: Final = 4

SHARD_STREAMS: Final = tuple(f"progress:{{{shard}}}" for shard in range(SHARDS))
"""The stream every bridge tails, one a shard."""


@lru_cache(maxsize=8192)
def shard_of(job_id: str) -> int:
    """Shard of a job: the first 8 bytes of the MD5 of its id, big-endian, modulo the shards."""
    digest = hashlib.md5(job_id.encode(), usedforsecurity=False).digest()
    return int.from_bytes(digest[:8], "big") % SHARDS


def events(job_id: str) -> str:
    """Stream with the job's own events, for replay."""
    return f"progress:{{{shard_of(job_id)}}}:events:{job_id}"


def state(job_id: str) -> str:
    """Hash with the job's owner, fence, counters and what was already published."""
    return f"progress:{{{shard_of(job_id)}}}:state:{job_id}"


def lease(job_id: str, stage: str) -> str:
    """Lease on one stage of the job."""
    return f"progress:{{{shard_of(job_id)}}}:lease:{job_id}:{stage}"


def checkpoint(job_id: str, stage: str) -> str:
    """What one stage of the job already worked out (a paid model answer, for one)."""
    return f"progress:{{{shard_of(job_id)}}}:checkpoint:{job_id}:{stage}"
