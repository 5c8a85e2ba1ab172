"""Rate limits on a real Redis."""

from __future__ import annotations

import asyncio
import random
import time
import uuid
from collections.abc import AsyncIterator

import pytest
from eco2.errors.v1.error_reason_pb2 import ErrorReason
from prometheus_client import REGISTRY
from pydantic import SecretStr
from redis.asyncio import Redis

from services.runtime import redis_clients
from services.runtime.errors import DomainError, trailers_of
from services.runtime.limits import CHECK_SECONDS, Limit, RateLimiter, key_of
from services.runtime.settings import RuntimeSettings

pytestmark = pytest.mark.parts


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    client = _client(redis_url)
    yield client
    await client.aclose()


def _client(url: str) -> Redis:
    settings = RuntimeSettings(redis_url=SecretStr(url))
    return redis_clients.connect(settings, redis_clients.Role.COMMAND)


def limit(calls: int, window_seconds: float = 60.0) -> Limit:
    """A limit nobody else counts against."""
    return Limit(uuid.uuid4().hex, calls, window_seconds)


async def allowed(limiter: RateLimiter, subject: str = "somebody") -> bool:
    try:
        await limiter.check(subject)
    except DomainError as error:
        if error.reason != ErrorReason.ERROR_REASON_RATE_LIMITED:
            raise
        return False
    return True


async def test_calls_at_once_get_exactly_the_limit_whichever_replica_they_meet(
    redis: Redis,
) -> None:
    shared = limit(10)
    replicas = [RateLimiter(redis, shared) for _ in range(3)]
    answers = await asyncio.gather(*(allowed(replicas[i % 3]) for i in range(30)))
    assert sum(answers) == 10


async def test_a_burst_that_finds_no_connection_open_is_limited(redis: Redis) -> None:
    limiter = RateLimiter(redis, limit(10))
    answers = await asyncio.gather(*(allowed(limiter) for _ in range(500)))
    assert sum(answers) == 10


async def test_a_refusal_says_when_to_come_back_and_then_lets_in(redis: Redis) -> None:
    limiter = RateLimiter(redis, limit(2, window_seconds=1.5))
    await limiter.check("somebody")
    await limiter.check("somebody")
    with pytest.raises(DomainError) as refused:
        await limiter.check("somebody")
    wait = refused.value.retry_after_seconds
    assert wait is not None
    assert 0 < wait <= 1.5
    assert refused.value.metadata == {"limit": "2", "window_seconds": "1.5"}
    await asyncio.sleep(wait + 0.02)
    assert await allowed(limiter)


async def test_no_window_sees_more_than_the_limit(redis: Redis) -> None:
    window, calls = 0.3, 5
    limiter = RateLimiter(redis, limit(calls, window))
    chance, let_in = random.Random(4), list[tuple[float, float]]()
    end = time.monotonic() + 4 * window
    while time.monotonic() < end or len(let_in) < 2 * calls:
        asked = time.monotonic()
        if await allowed(limiter):
            let_in.append((asked, time.monotonic()))
        await asyncio.sleep(chance.uniform(0, 0.03))
    # Redis decided between the two times of each call.
    assert all(let_in[i + calls][1] - let_in[i][0] >= window for i in range(len(let_in) - calls)), (
        let_in
    )


async def test_subjects_do_not_share_an_allowance(redis: Redis) -> None:
    limiter = RateLimiter(redis, limit(1))
    assert [await allowed(limiter, name) for name in ("a", "b", "a")] == [True, True, False]


async def test_what_is_refused_costs_nothing(redis: Redis) -> None:
    window = 1.0
    limiter = RateLimiter(redis, limit(1, window))
    asked = time.monotonic()
    assert await allowed(limiter)
    answered = time.monotonic()
    refusals = 0
    while time.monotonic() < asked + window - 0.05:
        let_in = await allowed(limiter)
        if time.monotonic() < asked + window:  # later, either would be right
            assert not let_in
            refusals += 1
        await asyncio.sleep(0.05)
    assert refusals
    await asyncio.sleep(answered + window + 0.01 - time.monotonic())
    assert await allowed(limiter)


async def test_a_limit_of_zero_and_nobody_are_never_refused(redis: Redis) -> None:
    off, on = RateLimiter(redis, limit(0)), RateLimiter(redis, limit(1))
    for _ in range(3):
        assert await allowed(off)
        assert await allowed(on, "")


async def test_a_lowered_limit_holds_at_once(redis: Redis) -> None:
    before = limit(5)
    for _ in range(5):
        assert await allowed(RateLimiter(redis, before))
    assert not await allowed(RateLimiter(redis, Limit(before.name, 2)))


async def test_keys_vanish_and_name_nobody(redis: Redis) -> None:
    rule = limit(3, window_seconds=60)
    await RateLimiter(redis, rule).check("203.0.113.9")
    (key,) = [name async for name in redis.scan_iter(f"limit:{rule.name}:*")]
    assert key.decode() == key_of(rule, "203.0.113.9")
    assert b"203.0.113.9" not in key
    assert 0 < await redis.pttl(key) <= 60_000


async def test_redis_without_the_script_learns_it(redis: Redis) -> None:
    limiter = RateLimiter(redis, limit(1))
    await redis.script_flush()
    assert await allowed(limiter)
    assert not await allowed(limiter)


async def test_without_redis_calls_are_let_through_fast_and_counted() -> None:
    client = _client("redis://127.0.0.1:1/0")
    rule = limit(1)
    limiter = RateLimiter(client, rule)
    began = time.monotonic()
    for _ in range(20):
        assert await allowed(limiter)
    assert time.monotonic() - began < 10 * CHECK_SECONDS, "it is asked once, not twenty times"
    labels = {"limit": rule.name}
    assert REGISTRY.get_sample_value("rate_limit_unchecked_total", labels) == 20
    await client.aclose()


def test_retry_after_is_never_too_early() -> None:
    error = DomainError(
        ErrorReason.ERROR_REASON_RATE_LIMITED, "slow down", retry_after_seconds=12.2
    )
    assert ("retry-after", "13") in trailers_of(error)
