"""A Redis of their own for the progress tests: they empty, restart and kill it."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Self

import pytest
import redis as blocking_redis
from pydantic import SecretStr
from redis.asyncio import Redis

from services.runtime import redis_clients
from services.runtime.settings import RuntimeSettings
from tests.ports import free_port
from tests.wait import until


class RedisServer:
    """A redis-server on a free port that appends every write to a file before it answers.

    `fsync`: when the file is forced to the disk, ``no``, ``everysec`` or ``always``. The kernel
    keeps what a killed server has written, so ``no`` loses nothing, nor does it wait for the disk.
    """

    def __init__(self, fsync: str = "no") -> None:
        self._fsync = fsync
        self.port = free_port()
        self._folder = Path(tempfile.mkdtemp(prefix="eco2-redis-"))
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        self._process = subprocess.Popen(
            ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "",
             "--appendonly", "yes", "--appendfsync", self._fsync, "--dir", str(self._folder)],
            stdout=subprocess.DEVNULL,
        )  # fmt: skip
        deadline = time.monotonic() + 10
        with blocking_redis.Redis(port=self.port) as client:
            while True:
                try:
                    client.ping()
                    return
                except (blocking_redis.ConnectionError, blocking_redis.BusyLoadingError):
                    if time.monotonic() > deadline:
                        raise
                    time.sleep(0.02)

    def kill(self) -> None:
        """Stop it without a chance to write anything more."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
            self._process = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *ending: object) -> None:
        self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    with RedisServer() as server:
        yield server


@pytest.fixture
async def redis(redis_server: RedisServer) -> AsyncIterator[Redis]:
    """A client, as processes have it, of an emptied Redis."""
    settings = RuntimeSettings(redis_url=SecretStr(redis_server.url))
    async with redis_clients.connect(settings, redis_clients.Role.COMMAND) as client:
        await lose(client)
        yield client


async def lose(redis: Redis, *names: str) -> None:
    """Lose everything, or the keys of these names, and come back later, as any Redis would.

    Ids and fences begin with the milliseconds of its clock: within one they would be those that
    were lost.
    """
    await (redis.delete(*names) if names else redis.flushall())
    lost_at = await _milliseconds(redis)

    async def later() -> bool:
        return await _milliseconds(redis) > lost_at

    await until(later, every_seconds=0.001, what="the next millisecond")


async def _milliseconds(redis: Redis) -> int:
    seconds, microseconds = await redis.time()
    return int(seconds) * 1000 + int(microseconds) // 1000
