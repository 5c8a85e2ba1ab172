"""Sending records: acknowledged by all in-sync replicas, idempotent, within a time budget."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from aiokafka import AIOKafkaProducer
from aiokafka import errors as kafka_errors
from google.protobuf.message import Message

from services.runtime import logs
from streaming.kafka import headers as h
from streaming.kafka import tracing
from streaming.kafka.connection import Connection, KafkaSettings
from streaming.kafka.topics import Topic

if TYPE_CHECKING:
    from services.runtime.context import ProcessContext

log = logs.get(__name__)

PACE_SECONDS: Final = 0.025
"""Shortest time between two bursts of sends. A request costs CPU whatever it carries, so under load
sends are gathered for so long; one after a pause goes out at once. The client's own linger waits a
partition at a time and gathers next to nothing over thirty of them. (400 sends/s: 0.36 to 0.52 ms
of CPU each without, 0.39 with the client's linger of 20 ms, 0.27 with this; tests/bench/
kafka_runner.py.)
"""

SEND_TIMEOUT_SECONDS: Final = 5.0
"""Default budget of one send, connecting included."""

START_TIMEOUT_SECONDS: Final = 15.0
CLOSE_TIMEOUT_SECONDS: Final = 5.0
ABANDON_SECONDS: Final = 1.0
"""Longest that each part of a client which did not close within that takes to be torn down."""

RECONNECT_MAX_SECONDS: Final = 2.0

STUCK_SECONDS: Final = 12.0
"""A client that was given sends for so long and has acknowledged none gets a successor, as soon as
one has found the brokers. It is more than a request may take (connection.py), after which a sound
client looks for the brokers by itself."""

_ABOUT_THE_RECORD: Final = (
    kafka_errors.MessageSizeTooLargeError,
    kafka_errors.InvalidTopicError,
    kafka_errors.UnknownTopicOrPartitionError,
    kafka_errors.TopicAuthorizationFailedError,
    kafka_errors.KafkaTimeoutError,
    kafka_errors.NotEnoughReplicasError,
    kafka_errors.NotEnoughReplicasAfterAppendError,
)
"""Failures that say nothing against the client. After any other one (sequence numbers out of step
with the broker, fenced, its sender task ended) every later send of the same client would fail too,
so it is replaced."""


class DeliveryError(Exception):
    """No acknowledgement within the budget, or a refusal by the broker.

    After a timeout the record may still be delivered later: consumers have to be idempotent, and
    sending it again is safe.
    """


class Producer:
    """One connection set to the brokers, shared by everything in a process that sends.

    Nothing is compressed: a batch of the pipeline is one or two records of a few hundred bytes,
    where compressing costs CPU and saves nothing.
    """

    def __init__(
        self,
        connection: Connection | str,
        *,
        client_id: str = "eco2",
        pace_seconds: float = PACE_SECONDS,
        send_timeout_seconds: float = SEND_TIMEOUT_SECONDS,
    ) -> None:
        self._options: dict[str, Any] = {
            **Connection.of(connection).client_options(),
            "client_id": client_id,
            "acks": "all",
            "enable_idempotence": True,
        }
        self._send_timeout = send_timeout_seconds
        self._pace = pace_seconds
        self._next_burst = 0.0
        self._gathering: asyncio.Event | None = None
        self._client: AIOKafkaProducer | None = None
        self._connected = asyncio.Event()
        self._successor_wanted = asyncio.Event()
        self._unanswered_since: float | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._closing: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Begin connecting in the background; returns at once, with or without a broker."""
        if self._keeper is None:
            self._keeper = asyncio.create_task(self._keep_connected(), name="kafka-producer")

    async def stop(self) -> None:
        """Send what is buffered (a few seconds at the most) and disconnect; idempotent."""
        keeper, self._keeper = self._keeper, None
        if keeper is not None:
            keeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await keeper
        self._connected.clear()
        self._retire()
        if self._closing:
            await asyncio.wait(self._closing)

    async def check(self) -> None:
        """Readiness: raise :class:`DeliveryError` while there is no connection."""
        if not self._connected.is_set():
            raise DeliveryError("not connected to Kafka")

    async def send(
        self,
        topic: Topic,
        key: str,
        message: Message,
        *,
        headers: Mapping[str, str] | None = None,
        deadline: float | None = None,
        timeout_seconds: float | None = None,
    ) -> None:
        """Send `message` and wait until all in-sync replicas have it.

        `deadline` is the Unix time (seconds) after which handling the record makes no sense;
        `timeout_seconds` bounds this call, connecting included. The trace context of the current
        span goes along. Raises :class:`DeliveryError`; ValueError for a message that is not the
        topic's.
        """
        if message.DESCRIPTOR.full_name != topic.message:
            raise ValueError(
                f"{topic.name} carries {topic.message}, not {message.DESCRIPTOR.full_name}"
            )
        sent = dict(headers) if headers else {}
        sent[h.SCHEMA] = topic.message
        if deadline is not None:
            sent[h.DEADLINE] = h.millis(deadline)
        with tracing.sending(topic.name, sent.get(h.TRACEPARENT, "")) as traceparent:
            if traceparent:
                sent[h.TRACEPARENT] = traceparent
            await self.forward(
                topic.name,
                key.encode(),
                message.SerializeToString(),
                sent,
                timeout_seconds=timeout_seconds,
            )

    async def forward(
        self,
        topic_name: str,
        key: bytes | None,
        value: bytes | None,
        headers: Mapping[str, str],
        *,
        timeout_seconds: float | None = None,
    ) -> None:
        """Send bytes as they are, as :meth:`send` does (retries, dead letters, replays)."""
        budget = self._send_timeout if timeout_seconds is None else timeout_seconds
        client: AIOKafkaProducer | None = None
        try:
            async with asyncio.timeout(budget):
                if not self._connected.is_set():
                    if self._keeper is None:
                        raise DeliveryError("the producer was not started")
                    await self._connected.wait()
                await self._turn()
                client = self._client
                if client is None:
                    raise DeliveryError("the producer was stopped")
                if self._unanswered_since is None:
                    self._unanswered_since = time.monotonic()
                acknowledged = await client.send(
                    topic_name,
                    # a tombstone needs a key, an empty value does not
                    value=value if value is not None or key is not None else b"",
                    key=key,
                    headers=h.encode(headers),
                )
                await acknowledged
                self._unanswered_since = None
        except TimeoutError as error:
            self._suspect(client)
            raise DeliveryError(
                f"no acknowledgement for {topic_name} within {budget:g} s"
            ) from error
        except kafka_errors.KafkaError as error:
            if client is not None and not isinstance(error, _ABOUT_THE_RECORD):
                self._replace(client)
            raise DeliveryError(f"{topic_name}: {type(error).__name__}") from error

    async def _turn(self) -> None:
        """Wait for the next burst."""
        if self._gathering is None:
            loop = asyncio.get_running_loop()
            now = loop.time()
            if now >= self._next_burst:
                self._next_burst = now + self._pace
                return
            self._gathering = asyncio.Event()
            loop.call_at(self._next_burst, self._burst, loop)
        await self._gathering.wait()

    def _burst(self, loop: asyncio.AbstractEventLoop) -> None:
        gathering, self._gathering = self._gathering, None
        self._next_burst = loop.time() + self._pace
        if gathering is not None:
            gathering.set()

    def _suspect(self, client: AIOKafkaProducer | None) -> None:
        """A send was given up: find a successor for a client that has answered none lately."""
        since = self._unanswered_since
        if client is self._client and since and time.monotonic() - since > STUCK_SECONDS:
            self._successor_wanted.set()

    def _replace(self, client: AIOKafkaProducer) -> None:
        """Give a client no more to send, and find a successor."""
        if client is self._client:
            self._connected.clear()
            self._successor_wanted.set()

    def _retire(self) -> None:
        """Close the client beside what goes on; sends under way through it may still succeed."""
        client, self._client = self._client, None
        if client is not None:
            closing = asyncio.create_task(_close(client), name="kafka-producer-closing")
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)

    async def _keep_connected(self) -> None:
        while True:
            client = await self._connect()
            self._retire()
            self._client = client
            self._unanswered_since = None
            self._successor_wanted.clear()
            self._connected.set()
            await self._successor_wanted.wait()
            log.warning("the Kafka producer is replaced: it can't send any more")

    async def _connect(self) -> AIOKafkaProducer:
        """A client that has found the brokers."""
        pause = 0.1
        while True:
            client = AIOKafkaProducer(**self._options)
            try:
                async with asyncio.timeout(START_TIMEOUT_SECONDS):
                    await client.start()
            except Exception as error:  # whatever it is: a process that sends has to send again
                log.warning(
                    "Kafka is away, the producer keeps trying",
                    error=str(error) or type(error).__name__,
                )
                await _close(client)
                await asyncio.sleep(pause)
                pause = min(pause * 2, RECONNECT_MAX_SECONDS)
                continue
            except asyncio.CancelledError:
                await _close(client)
                raise
            return client


async def shared_producer(context: ProcessContext) -> Producer:
    """The one producer of a process; the context stops it."""

    async def make() -> Producer:
        producer = Producer(Connection.from_settings(context.settings(KafkaSettings)))
        await producer.start()
        return producer

    return await context.shared("kafka:producer", make, Producer.stop)


async def _close(client: AIOKafkaProducer) -> None:
    """Stop a client without waiting for ever for a broker that is away, or for itself."""
    try:
        async with asyncio.timeout(CLOSE_TIMEOUT_SECONDS):
            await client.stop()
    except Exception as error:  # whatever it is: its successor has to be found
        log.warning("the Kafka producer did not close cleanly", error=type(error).__name__)
        # stop() was cut off while flushing: end what it would have ended next. Requests that wait
        # for an answer hold the sender up; they end with their connections.
        for end in (client.client.close, client._sender.close):
            with contextlib.suppress(Exception):
                async with asyncio.timeout(ABANDON_SECONDS):
                    await end()
