"""Reading dead letter queues, and what to do with a dead letter.

A queue is a topic, so nothing is taken out of it: the offsets committed for :data:`GROUP` say how
far it was worked off. What lies behind them is *waiting*; the rest stays readable until its
retention ends.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from aiokafka import AIOKafkaConsumer
from aiokafka import errors as kafka_errors
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.structs import TopicPartition
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import DecodeError

from streaming.kafka import headers as h
from streaming.kafka.closing import close
from streaming.kafka.connection import Connection
from streaming.kafka.retry import Death
from streaming.kafka.topics import ARCHIVE, CATALOGUE, Topic

GROUP: Final = "eco2.dlq"
"""Consumer group whose offsets mark what was replayed or archived."""

CLOSE_SECONDS: Final = 5.0
READ_TIMEOUT_SECONDS: Final = 15.0
"""Longest silence of a broker that still has records to give."""


class DeadLetterError(Exception):
    """Brokers are away, or what was asked for does not exist; the text says which."""


class BrokersAwayError(DeadLetterError):
    """Brokers are away."""


@dataclass(frozen=True, kw_only=True)
class DeadLetter:
    """One record of a dead letter queue or of the archive."""

    queue: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Mapping[str, str]
    timestamp: float
    """When it got here, Unix seconds."""

    @property
    def death(self) -> str:
        """How it died, a :class:`~streaming.kafka.retry.Death` or ``unknown``."""
        return self.headers.get(h.DEAD, "unknown")

    @property
    def reason(self) -> str:
        """Why the last attempt failed."""
        return self.headers.get(h.REASON, "UNKNOWN")

    @property
    def rounds(self) -> int:
        """How often it was replayed already."""
        return h.count(self.headers, h.ROUND, 0)

    @property
    def topic(self) -> str:
        """Name of the topic it was first sent to."""
        if self.queue != ARCHIVE:
            return self.queue.removesuffix(".dlq")
        name = self.headers.get(h.ORIGIN, "").partition(":")[0]
        stem, marker, _ = name.rpartition(".retry.")
        return stem if marker else name

    def message(self, topics: Mapping[str, Topic] = CATALOGUE) -> Any:
        """The decoded message in protobuf's JSON mapping; None when the bytes are not one."""
        topic = topics.get(self.topic)
        if topic is None or self.value is None:
            return None
        try:
            decoded = topic.message_type().FromString(self.value)
        except (DecodeError, LookupError):
            return None
        return MessageToDict(decoded, preserving_proto_field_name=True)


class Fate(Enum):
    """What the reprocessor does with a dead letter."""

    REPLAY = "replay"
    ARCHIVE = "archive"


def fate(letter: DeadLetter, *, now: float, max_rounds: int) -> Fate:
    """Replay what ran out of attempts, while its deadline has not passed and it was not replayed
    `max_rounds` times. Bytes that can't be decoded, poison and expired records would only die
    again: they go to the archive, from where a person may still replay them.
    """
    deadline = h.seconds(letter.headers, h.DEADLINE)
    if (
        letter.death != Death.EXHAUSTED
        or letter.rounds >= max_rounds
        or (deadline is not None and deadline <= now)
    ):
        return Fate.ARCHIVE
    return Fate.REPLAY


def replay_headers(letter: DeadLetter, *, keep_deadline: bool) -> dict[str, str]:
    """Headers of a replay: a first attempt again, one round further. Without `keep_deadline` it
    may also run after the deadline it was sent with.
    """
    kept = {name: value for name, value in letter.headers.items() if name not in h.PER_DELIVERY}
    if not keep_deadline:
        kept.pop(h.DEADLINE, None)
    kept[h.ROUND] = str(letter.rounds + 1)
    return kept


class Queues:
    """Dead letter queues opened for reading; see :func:`open_queues`."""

    def __init__(
        self, consumer: AIOKafkaConsumer, partitions: Mapping[str, list[TopicPartition]]
    ) -> None:
        self._consumer = consumer
        self._partitions = partitions

    async def retained(self, queue: str) -> int:
        """Letters that can still be read."""
        partitions = self._partitions[queue]
        begin = await self._consumer.beginning_offsets(partitions)
        end = await self._consumer.end_offsets(partitions)
        return sum(end[p] - begin[p] for p in partitions)

    async def waiting(self, queue: str) -> AsyncIterator[DeadLetter]:
        """Letters not worked off yet, oldest first a partition, up to those present now."""
        starts: dict[TopicPartition, int] = {}
        for partition in self._partitions[queue]:
            committed = await self._consumer.committed(partition)
            if committed is not None:
                starts[partition] = committed
        async for letter in self._read(queue, starts):
            yield letter

    async def all(self, queue: str) -> AsyncIterator[DeadLetter]:
        """Every letter that can still be read, up to those present now."""
        async for letter in self._read(queue, {}):
            yield letter

    async def one(self, queue: str, partition: int, offset: int) -> DeadLetter:
        """The letter at a place; DeadLetterError when there is none."""
        where = TopicPartition(queue, partition)
        if where in self._partitions[queue]:
            begin = (await self._consumer.beginning_offsets([where]))[where]
            end = (await self._consumer.end_offsets([where]))[where]
            if begin <= offset < end:
                async for letter in self._read(queue, {where: offset}, only=where):
                    if letter.offset == offset:
                        return letter
                    break
        raise DeadLetterError(f"{queue} has no record {partition}:{offset}")

    async def worked_off(self, letters: Iterable[DeadLetter]) -> None:
        """Note that `letters`, and those before them, need nothing more."""
        positions: dict[TopicPartition, int] = {}
        for letter in letters:
            where = TopicPartition(letter.queue, letter.partition)
            positions[where] = max(positions.get(where, 0), letter.offset + 1)
        if positions:
            async with asyncio.timeout(READ_TIMEOUT_SECONDS):
                await self._consumer.commit(positions)

    async def _read(
        self,
        queue: str,
        starts: Mapping[TopicPartition, int],
        only: TopicPartition | None = None,
    ) -> AsyncIterator[DeadLetter]:
        consumer = self._consumer
        partitions = [only] if only is not None else self._partitions[queue]
        begin = await consumer.beginning_offsets(partitions)
        end = await consumer.end_offsets(partitions)
        left: set[TopicPartition] = set()
        for partition in partitions:
            # a committed position may lie before the start (retention) or behind the end (the
            # queue was made anew)
            start = max(begin[partition], starts.get(partition, begin[partition]))
            if start < end[partition]:
                consumer.seek(partition, start)
                left.add(partition)
        while left:
            async with asyncio.timeout(READ_TIMEOUT_SECONDS):
                batches = await consumer.getmany(*left, timeout_ms=1000, max_records=200)
            for partition, records in batches.items():
                for record in records:
                    if record.offset < end[partition]:
                        yield _letter(record)
            for partition in tuple(left):
                if await consumer.position(partition) >= end[partition]:
                    left.remove(partition)


def _letter(record: Any) -> DeadLetter:
    return DeadLetter(
        queue=record.topic,
        partition=record.partition,
        offset=record.offset,
        key=record.key,
        value=record.value,
        headers=h.decode(record.headers),
        timestamp=record.timestamp / 1000,
    )


@asynccontextmanager
async def open_queues(connection: Connection | str, names: Iterable[str]) -> AsyncIterator[Queues]:
    """Open the queues `names` for reading. Raises :class:`DeadLetterError`."""
    where = Connection.of(connection)
    partitions = await _partitions_of(where, tuple(names))
    consumer = AIOKafkaConsumer(
        **where.client_options(),
        group_id=GROUP,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )
    try:
        consumer.assign([place for places in partitions.values() for place in places])
        await consumer.start()
        yield Queues(consumer, partitions)
    except (kafka_errors.KafkaError, OSError, TimeoutError) as error:
        raise BrokersAwayError(str(error) or type(error).__name__) from error
    finally:
        with suppress(kafka_errors.KafkaError, TimeoutError):
            await close(consumer, within_seconds=CLOSE_SECONDS)


async def _partitions_of(
    connection: Connection, names: tuple[str, ...]
) -> dict[str, list[TopicPartition]]:
    admin = AIOKafkaAdminClient(**connection.client_options())
    try:
        await admin.start()
        known = {topic["topic"]: topic["partitions"] for topic in await admin.describe_topics()}
    except (kafka_errors.KafkaError, OSError, TimeoutError) as error:
        raise BrokersAwayError(str(error) or type(error).__name__) from error
    finally:
        await admin.close()
    missing = [name for name in names if name not in known]
    if missing:
        raise DeadLetterError(
            f"there is no topic {', '.join(missing)}; `eco2 topics apply` creates it"
        )
    return {
        name: [
            TopicPartition(name, number) for number in sorted(p["partition"] for p in known[name])
        ]
        for name in names
    }
