from __future__ import annotations

import asyncio
import uuid
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from google.protobuf.wrappers_pb2 import StringValue

from streaming.kafka.admin import ensure_topics
from streaming.kafka.consumer import Record, Runner, Timing
from streaming.kafka.deadletters import DeadLetter, open_queues
from streaming.kafka.producer import Producer
from streaming.kafka.topics import Topic
from tests.wait import until

QUICK = Timing(
    session_timeout_seconds=6.0,  # the least a broker accepts by default
    heartbeat_seconds=0.5,
    rebalance_timeout_seconds=5.0,
    revoke_drain_seconds=0.5,
    commit_seconds=0.1,
    poll_seconds=0.2,
)


class Topics:
    """Makes topics of its own for a test."""

    def __init__(self, bootstrap: str) -> None:
        self.bootstrap = bootstrap

    async def make(self, **changes: Any) -> Topic:
        topic = Topic(
            **{
                "name": f"test.{uuid.uuid4().hex[:10]}",
                "key": "name",
                "message": "google.protobuf.StringValue",
                "partitions": 4,
                "retention_seconds": 3600,
                "producer": "test",
                "consumers": ("test",),
                "retry": (0.1, 0.2),
                **changes,
            }
        )
        await ensure_topics(self.bootstrap, topics=[topic])
        return topic

    async def letters(self, topic: Topic) -> list[DeadLetter]:
        """What is in the topic's dead letter queue."""
        async with open_queues(self.bootstrap, [topic.dlq]) as queues:
            return [letter async for letter in queues.all(topic.dlq)]

    async def committed(self, group: str) -> dict[tuple[str, int], int]:
        """Committed offsets of a group."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap)
        await admin.start()
        try:
            offsets = await admin.list_consumer_group_offsets(group)
        finally:
            await admin.close()
        return {
            (place.topic, place.partition): meta.offset
            for place, meta in offsets.items()
            if meta.offset >= 0
        }


@pytest.fixture
def topics(kafka_bootstrap: str) -> Topics:
    return Topics(kafka_bootstrap)


@pytest.fixture
async def producer(kafka_bootstrap: str) -> AsyncIterator[Producer]:
    made = Producer(kafka_bootstrap, send_timeout_seconds=10.0)
    await made.start()
    yield made
    await made.stop()


class Recorder:
    """A handler that notes what it does; `script` decides what becomes of a record."""

    def __init__(self, script: Callable[[Record[StringValue]], Awaitable[object]] | None = None):
        self.script = script
        self.started: list[str] = []
        self.done: list[str] = []
        self.attempts: dict[str, list[int]] = defaultdict(list)
        self.running: set[str] = set()
        self.most_running = 0
        self.dead: list[tuple[str, str]] = []

    async def handle(self, record: Record[StringValue]) -> None:
        name = record.message.value
        assert name not in self.running, f"{name} runs twice at the same time"
        self.started.append(name)
        self.attempts[name].append(record.attempt)
        self.running.add(name)
        self.most_running = max(self.most_running, len(self.running))
        try:
            if self.script is not None:
                await self.script(record)
            self.done.append(name)
        finally:
            self.running.remove(name)

    async def on_dead(self, record: Record[StringValue], reason: str) -> None:
        self.dead.append((record.message.value, reason))


@asynccontextmanager
async def consuming(runner: Runner, *, drain_seconds: float = 5.0) -> AsyncIterator[Runner]:
    """Run `runner` until the end of the block, from when it is ready."""
    task = asyncio.create_task(runner.run())

    async def ready() -> bool:
        if task.done():
            task.result()
        with suppress(Exception):
            await runner.ready()
            return True
        return False

    try:
        await until(ready, within_seconds=20, what="the runner being ready")
        yield runner
        await runner.drain(drain_seconds)
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def send_all(producer: Producer, topic: Topic, names: list[str], **more: Any) -> None:
    """Send a record for each name, all at once; its name is its key, too."""
    await asyncio.gather(
        *(producer.send(topic, name, StringValue(value=name), **more) for name in names)
    )
