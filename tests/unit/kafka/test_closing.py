"""Nobody who ends a consumer is ended by it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, ClassVar

import pytest
from aiokafka import errors as kafka_errors
from aiokafka.client import AIOKafkaClient
from aiokafka.consumer.fetcher import Fetcher
from aiokafka.consumer.subscription_state import SubscriptionState

from streaming.kafka import compacted
from streaming.kafka.closing import close
from streaming.kafka.connection import Connection
from streaming.kafka.topics import AUTH_REVOCATIONS
from tests.wait import until


class Client:
    """The connections of a consumer."""

    def __init__(self) -> None:
        self.closed = False

    async def close(self) -> None:
        self.closed = True


class Consumer:
    """A consumer that is lost at once; how it stops is up to its subclass."""

    made: ClassVar[list[Consumer]] = []

    def __init__(self, *_: Any, **__: Any) -> None:
        self._client = Client()
        Consumer.made.append(self)

    async def start(self) -> None:
        raise kafka_errors.KafkaConnectionError("away")

    async def stop(self) -> None:
        """As the library's, when one of its fetches does not catch its cancellation."""
        pausing = asyncio.ensure_future(asyncio.sleep(60))
        pausing.cancel()
        await pausing


class Slow(Consumer):
    async def stop(self) -> None:
        await asyncio.sleep(60)


class Failing(Consumer):
    async def stop(self) -> None:
        raise kafka_errors.KafkaConnectionError("gone")


async def test_a_stray_cancellation_stays_inside_and_the_connections_are_closed() -> None:
    consumer = Consumer()
    await close(consumer, within_seconds=10)
    assert consumer._client.closed


async def test_a_consumer_that_does_not_stop_is_torn_down() -> None:
    consumer = Slow()
    with pytest.raises(TimeoutError):
        await close(consumer, within_seconds=0.01)
    assert consumer._client.closed


async def test_what_stopping_raises_is_told() -> None:
    with pytest.raises(kafka_errors.KafkaConnectionError):
        await close(Failing(), within_seconds=10)


async def test_who_is_cancelled_while_closing_is_cancelled() -> None:
    closing = asyncio.create_task(close(Slow(), within_seconds=60))
    await asyncio.sleep(0)
    closing.cancel()
    await asyncio.wait({closing}, timeout=10)
    assert closing.cancelled()


class Nobody:
    """Reads nothing."""

    def connected(self, connected: bool) -> None: ...

    def take(self, records: Sequence[Any]) -> None: ...

    def complete(self, at: float) -> None: ...


async def test_a_topic_is_followed_on_whatever_comes_out_of_a_client_that_is_stopped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(compacted, "AIOKafkaConsumer", Consumer)
    monkeypatch.setattr(compacted, "AGAIN_SECONDS", 0.0)
    monkeypatch.setattr(Consumer, "made", [])
    topic = compacted.CompactedTopic(AUTH_REVOCATIONS, Connection(bootstrap="x:1"), Nobody(), "c")
    following = asyncio.create_task(topic.run())
    await until(lambda: len(Consumer.made) >= 3 or following.done(), what="new clients")
    assert not following.done()
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)


async def test_the_library_still_lets_its_cancellations_out() -> None:
    """Once it does not, closing.py can go."""
    loop = asyncio.get_running_loop()
    fetcher = Fetcher(AIOKafkaClient(bootstrap_servers="x:1"), SubscriptionState(loop=loop))
    pausing = asyncio.ensure_future(asyncio.sleep(60))
    fetcher._pending_tasks.add(pausing)
    with pytest.raises(asyncio.CancelledError):
        await fetcher.close()
