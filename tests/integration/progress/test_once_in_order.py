"""Whatever happens between publisher and client, the client sees every event once and in order."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis.asyncio import Redis

from streaming.progress import keys
from streaming.progress.event import ProgressEvent
from streaming.progress.publisher import ProgressPublisher

from .bridge import USER, Bridge, Client, running_bridge
from .conftest import RedisServer, lose

pytestmark = pytest.mark.parts

STAGES = ("vision", "rule", "answer", "reward")
SCAN = [
    ("queued", "started"),
    *[(stage, status) for stage in STAGES for status in ("started", "completed")],
    ("done", "completed"),
]


@pytest.fixture(scope="module")
async def bridge(redis_server: RedisServer) -> AsyncIterator[Bridge]:
    """A bridge whose queues overflow at the second event that waits."""
    async with running_bridge(redis_server.url, progress_queue_events=1) as running:
        yield running


class Watcher:
    """A client that comes and goes, and remembers what it saw."""

    def __init__(self, bridge: Bridge, job_id: str) -> None:
        self.seen: list[dict[str, str]] = []
        self._bridge = bridge
        self._job_id = job_id
        self._client: Client | None = None

    async def read(self, count: int) -> None:
        """Read `count` events that are known to be there."""
        for _ in range(count):
            if self._client is None:
                last = self.seen[-1]["id"] if self.seen else None
                self._client = await self._bridge.client(self._job_id, last_event_id=last)
                assert self._client.status == 200
            frame = await self._client.event()
            assert frame is not None
            self.seen.append(frame.fields)

    def leave(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None


step = st.one_of(
    st.tuples(st.just("publish"), st.integers(1, 4)),
    st.tuples(st.just("read"), st.integers(1, 6)),
    st.tuples(st.just("leave"), st.just(0)),
    st.tuples(st.just("drop redis connections"), st.just(0)),
    st.tuples(st.just("empty the shard streams"), st.just(0)),
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=st.lists(step, max_size=14))
async def test_every_event_once_and_in_order(
    bridge: Bridge, redis: Redis, steps: list[tuple[str, int]]
) -> None:
    job_id, publisher = str(uuid.uuid4()), ProgressPublisher(redis)
    await publisher.open_job(job_id, domain="scan", user_id=USER)
    to_publish = [ProgressEvent(job_id=job_id, stage=a, status=b) for a, b in SCAN]
    published: list[int | None] = []
    watcher = Watcher(bridge, job_id)

    async def publish(count: int) -> None:
        published.extend(await publisher.publish(*to_publish[:count]))
        del to_publish[:count]

    for action, count in steps:
        if action == "publish":
            await publish(min(count, len(to_publish) - 1))
        elif action == "read":
            await watcher.read(min(count, len(published) - len(watcher.seen)))
        elif action == "leave":
            watcher.leave()
        elif action == "drop redis connections":
            await redis.client_kill_filter(_type="normal", skipme=True)
        else:
            await lose(redis, *keys.SHARD_STREAMS)
    await publish(len(to_publish))
    await watcher.read(len(SCAN) - len(watcher.seen))
    assert [(f["event"], f["id"]) for f in watcher.seen] == [
        (stage, entry_id)
        for (stage, _), entry_id in zip(SCAN, await stored_ids(redis, job_id), strict=True)
    ]
    assert published == [0, 10, 11, 20, 21, 30, 31, 40, 41, 51]
    watcher.leave()


async def stored_ids(redis: Redis, job_id: str) -> list[str]:
    entries: Any = await redis.xrange(keys.events(job_id))
    return [entry_id.decode() for entry_id, _ in entries]
