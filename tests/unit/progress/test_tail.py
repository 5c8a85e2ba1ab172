"""The tail must end when it is told to, whatever the Redis client makes of a cancellation."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from streaming.progress.tail import ShardTail


class SwallowingRedis:
    """A client whose reads turn a cancellation into an error of their own."""

    def __init__(self) -> None:
        self.reading = asyncio.Event()

    def pipeline(self, **_: Any) -> SwallowingRedis:
        return self

    def xinfo_stream(self, name: str) -> None:
        pass

    async def execute(self, **_: Any) -> list[Any]:
        self.reading.set()
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            raise RedisConnectionError("No connection available.") from None
        return []


async def test_lost_cancellation_still_ends_the_tail() -> None:
    redis = SwallowingRedis()
    tail = ShardTail(
        cast(Redis, redis), wanted=(), deliver=lambda _: None, gap=lambda _shards, _rewound: None
    )
    running = asyncio.create_task(tail.run())
    await redis.reading.wait()
    running.cancel()
    done, _ = await asyncio.wait({running}, timeout=5)
    assert running in done
    assert running.cancelled()
