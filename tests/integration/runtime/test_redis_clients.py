"""Our connections to a real Redis."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from redis.asyncio import Redis

from mesh.local.ephemeral import EphemeralParts
from services.runtime.redis_clients import Role, connect
from services.runtime.settings import RuntimeSettings

pytestmark = pytest.mark.parts


@pytest_asyncio.fixture
async def redis(parts: EphemeralParts) -> AsyncIterator[Redis]:
    client = connect(RuntimeSettings.model_validate({"redis_url": parts.redis_url}), Role.COMMAND)
    await client.ping()
    yield client
    await client.aclose()


@pytest.mark.parametrize("turns", range(8))
async def test_a_cancellation_is_kept_whenever_it_comes(redis: Redis, turns: int) -> None:
    """After so many turns of the event loop, that is: while it is sent, or read, or at an end."""

    async def work() -> None:
        await redis.set("some", "value")
        await asyncio.Event().wait()  # a loop that goes on

    for _ in range(5):
        task = asyncio.create_task(work())
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        done, _ = await asyncio.wait({task}, timeout=10)
        kept = task in done and task.cancelled()
        task.cancel()
        assert kept


async def test_commands_longer_than_any_buffer_are_sent_whole(redis: Redis) -> None:
    value = "가나다" * 3_000_000
    await redis.set("long", value)
    assert await redis.strlen("long") == len(value.encode())
    await redis.delete("long")
