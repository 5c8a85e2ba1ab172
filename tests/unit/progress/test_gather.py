"""Calls that share a round trip: all of them come back, whatever becomes of it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from streaming.progress.gather import Gather
from streaming.progress.scripts import RELEASE, Call, ProgressUnavailable

CALL = Call(RELEASE, ("progress:{0}:lease:j:vision",), ("token", 1))


class Broken:
    """A Redis client that fails in a way of its own."""

    def __init__(self, error: BaseException) -> None:
        self._error = error

    async def evalsha(self, *_: Any) -> Any:
        raise self._error

    def pipeline(self, transaction: bool) -> Any:
        raise self._error


@pytest.mark.parametrize(
    "error",
    [
        RedisConnectionError("away"),
        UnicodeEncodeError("utf-8", "\ud83d", 0, 1, "surrogates not allowed"),
        RuntimeError("something nobody foresaw"),
    ],
    ids=["away", "text that can't be sent", "unforeseen"],
)
@pytest.mark.parametrize("callers", [1, 3])
async def test_everybody_is_told_when_a_round_trip_fails(error: Exception, callers: int) -> None:
    redis: Any = Broken(error)
    gather = Gather(redis)
    async with asyncio.timeout(10):
        ends = await asyncio.gather(
            *(gather.run([CALL]) for _ in range(callers)), return_exceptions=True
        )
    assert [type(end) for end in ends] == [ProgressUnavailable] * callers


async def test_nobody_waits_for_a_round_trip_that_was_cut_off() -> None:
    redis: Any = Broken(asyncio.CancelledError())
    async with asyncio.timeout(10):
        ends = await asyncio.gather(Gather(redis).run([CALL]), return_exceptions=True)
    assert isinstance(ends[0], asyncio.CancelledError)
