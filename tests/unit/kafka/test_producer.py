from __future__ import annotations

import asyncio
from typing import Any, ClassVar

import pytest
from aiokafka import errors as kafka_errors
from google.protobuf.wrappers_pb2 import StringValue

from streaming.kafka import producer as module
from streaming.kafka.producer import DeliveryError, Producer
from streaming.kafka.topics import Topic
from tests.wait import until

TOPIC = Topic(
    name="t",
    key="k",
    message="google.protobuf.StringValue",
    partitions=1,
    retention_seconds=1,
    producer="test",
    consumers=(),
)


class Client:
    """Stands in for the client library: what happens to its sends is scripted by the test."""

    made: ClassVar[list[Client]] = []
    start_errors: ClassVar[list[Exception]] = []
    stop_errors: ClassVar[list[Exception]] = []

    def __init__(self, **options: Any) -> None:
        self.sent: list[tuple[float, str]] = []
        self.error: Exception | None = None
        self.silent = False
        self.stopped = False
        self.hangs = asyncio.Event()
        self.hangs.set()
        self.client = self._sender = self
        # Producers of other tests' components may be looking for their broker in this process.
        self.ours = "nowhere:1" in options["bootstrap_servers"]
        if self.ours:
            Client.made.append(self)

    async def start(self) -> None:
        if not self.ours:
            raise kafka_errors.KafkaConnectionError("not of this test")
        if Client.start_errors:
            raise Client.start_errors.pop(0)

    async def send(self, topic: str, **_: Any) -> asyncio.Future[None]:
        loop = asyncio.get_running_loop()
        self.sent.append((loop.time(), topic))
        future: asyncio.Future[None] = loop.create_future()
        if self.error is not None:
            future.set_exception(self.error)
        elif not self.silent:
            future.set_result(None)
        return future

    async def stop(self) -> None:
        await self.hangs.wait()
        if self.ours and Client.stop_errors:
            raise Client.stop_errors.pop(0)
        self.stopped = True

    async def close(self) -> None:
        await self.stop()


@pytest.fixture(autouse=True)
def _no_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "AIOKafkaProducer", Client)
    monkeypatch.setattr(Client, "made", [])
    monkeypatch.setattr(Client, "start_errors", [])
    monkeypatch.setattr(Client, "stop_errors", [])


async def _send(producer: Producer) -> None:
    await producer.send(TOPIC, "k", StringValue(value="x"))


async def test_a_client_out_of_step_with_the_broker_is_replaced() -> None:
    producer = Producer("nowhere:1")
    await producer.start()
    await _send(producer)
    Client.made[0].error = kafka_errors.OutOfOrderSequenceNumber()
    with pytest.raises(DeliveryError, match="OutOfOrderSequenceNumber"):
        await _send(producer)
    await _send(producer)
    assert len(Client.made) == 2
    await until(lambda: Client.made[0].stopped)
    await producer.stop()
    assert Client.made[1].stopped


async def test_a_client_that_cannot_be_closed_holds_nothing_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "CLOSE_TIMEOUT_SECONDS", 0.05)
    monkeypatch.setattr(module, "ABANDON_SECONDS", 0.05)
    producer = Producer("nowhere:1")
    await producer.start()
    await _send(producer)
    (broken,) = Client.made
    broken.error = kafka_errors.ProducerFenced()
    broken.hangs.clear()
    with pytest.raises(DeliveryError, match="ProducerFenced"):
        await _send(producer)
    await _send(producer)
    await producer.stop()
    assert not broken.stopped


async def test_a_client_that_answers_nothing_is_kept_until_another_has_found_the_brokers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    producer = Producer("nowhere:1", send_timeout_seconds=0.1)
    await producer.start()
    await _send(producer)
    silent = Client.made[0]
    silent.silent = True
    with pytest.raises(DeliveryError, match="within"):
        await _send(producer)
    assert len(Client.made) == 1, "that may happen to any"
    monkeypatch.setattr(module, "STUCK_SECONDS", 0.05)
    Client.start_errors.append(kafka_errors.KafkaConnectionError("away"))
    with pytest.raises(DeliveryError, match="within"):
        await _send(producer)
    await producer.check()
    await until(lambda: silent.stopped)
    await _send(producer)
    assert [client.stopped for client in Client.made] == [True, True, False]
    await producer.stop()


async def test_a_refused_record_keeps_the_client() -> None:
    producer = Producer("nowhere:1")
    await producer.start()
    await _send(producer)
    Client.made[0].error = kafka_errors.MessageSizeTooLargeError()
    with pytest.raises(DeliveryError, match="MessageSizeTooLargeError"):
        await _send(producer)
    Client.made[0].error = None
    await _send(producer)
    assert len(Client.made) == 1
    await producer.stop()


@pytest.mark.parametrize(
    "error", [kafka_errors.KafkaConnectionError("away"), OSError("dns"), AssertionError("bug")]
)
async def test_connecting_is_tried_until_it_works(error: Exception) -> None:
    Client.start_errors.extend([error, error])
    producer = Producer("nowhere:1")
    await producer.start()
    await _send(producer)
    assert len(Client.made) == 3
    assert [client.stopped for client in Client.made] == [True, True, False]
    await producer.check()
    await producer.stop()
    with pytest.raises(DeliveryError):
        await producer.check()


async def test_a_client_that_neither_starts_nor_stops_is_not_the_last_one() -> None:
    Client.start_errors.append(kafka_errors.KafkaConnectionError("away"))
    Client.stop_errors.append(AttributeError("half made"))
    producer = Producer("nowhere:1")
    await producer.start()
    await _send(producer)
    assert len(Client.made) == 2
    await producer.stop()


async def test_a_send_after_a_pause_is_immediate() -> None:
    producer = Producer("nowhere:1", pace_seconds=3600.0)
    await producer.start()
    await _send(producer)
    with pytest.raises(DeliveryError, match="within"):
        await producer.send(TOPIC, "k", StringValue(value="x"), timeout_seconds=0.05)
    await producer.stop()


async def test_sends_are_gathered_under_load() -> None:
    producer = Producer("nowhere:1", pace_seconds=1.0)
    await producer.start()
    await _send(producer)
    await asyncio.gather(*(_send(producer) for _ in range(5)))
    first, *rest = (at for at, _ in Client.made[0].sent)
    assert len(rest) == 5
    assert min(rest) - first >= 0.99
    assert max(rest) - min(rest) < 0.99, "one burst"
    await producer.stop()


async def test_one_given_up_send_does_not_cut_off_the_others_of_its_burst() -> None:
    producer = Producer("nowhere:1", pace_seconds=0.5)
    await producer.start()
    await _send(producer)
    hasty = asyncio.create_task(
        producer.send(TOPIC, "k", StringValue(value="x"), timeout_seconds=0.005)
    )
    patient = asyncio.create_task(_send(producer))
    with pytest.raises(DeliveryError, match="within"):
        await hasty
    await patient
    await producer.stop()


async def test_sending_before_the_start_is_refused() -> None:
    with pytest.raises(DeliveryError, match="not started"):
        await _send(Producer("nowhere:1"))
