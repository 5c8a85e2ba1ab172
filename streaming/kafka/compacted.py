"""Follows a compacted topic into the memory of this process: all of it at the start, then on.

There is no consumer group: every replica reads every partition, from its beginning and also again
when the topic gets more partitions, so taking a record must be harmless however often it is read.
After an error it goes on where it was. A partition is known to be complete at the time a broker
last answered a fetch with nothing beyond what has been read by now; the oldest such time among the
partitions is up to when everything is known.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Sequence
from typing import Any, Final, Protocol

from aiokafka import AIOKafkaConsumer
from aiokafka import errors as kafka_errors
from aiokafka.structs import TopicPartition

from services.runtime import logs
from streaming.kafka.closing import close
from streaming.kafka.connection import Connection
from streaming.kafka.topics import Topic

log = logs.get(__name__)

AGAIN_SECONDS: Final = 0.2
"""Pause before reading begins anew; brokers that come back are found within this and the client's
own 100 ms."""

RETRY_BACKOFF_MS: Final = 100
REQUEST_TIMEOUT_MS: Final = 3_000
"""A fetch waits half a second at the broker: one without an answer for this long is lost."""

METADATA_MAX_AGE_MS: Final = 5_000
"""New partitions are noticed within this time, before most producers use them (their default is
five minutes, that of ours 30 seconds)."""

FETCH_WAIT_MS: Final = 500
"""How long a broker holds a fetch without news; news is answered at once."""

POLL_MS: Final = 250
BATCH_RECORDS: Final = 1_000
"""Records taken at once, in which the event loop does nothing else: some 5 ms for revocations."""

CLOSE_SECONDS: Final = 2.0

STUCK_SECONDS: Final = 15.0
"""A client that has learned nothing for so long is replaced by a new one, which looks the brokers
up again."""


class Reader(Protocol):
    """What a compacted topic is read into."""

    def connected(self, connected: bool) -> None:
        """Brokers have been found, or lost."""

    def take(self, records: Sequence[Any]) -> None:
        """Records of one partition, in order; a value may be None (a tombstone)."""

    def complete(self, at: float) -> None:
        """Everything the topic held at this monotonic time has been taken."""


class CompactedTopic:
    """Keeps `reader` current while :meth:`run` runs."""

    def __init__(self, topic: Topic, connection: Connection, reader: Reader, client: str) -> None:
        """`client` is the client id that brokers see."""
        self._topic = topic
        self._connection = connection
        self._reader = reader
        self._client = client
        self._next: dict[TopicPartition, int] = {}
        self._complete: dict[TopicPartition, float] = {}

    async def run(self) -> None:
        """Read for ever; trouble with brokers is waited out."""
        while True:
            try:
                await self._read()
            except (kafka_errors.KafkaError, OSError, TimeoutError) as error:
                log.warning("a topic can't be read", topic=self._topic.name, error=repr(error))
            self._reader.connected(False)
            await asyncio.sleep(AGAIN_SECONDS)

    async def _read(self) -> None:
        """Read until something goes wrong."""
        consumer = AIOKafkaConsumer(
            self._topic.name,
            **{
                **self._connection.client_options(),
                "request_timeout_ms": REQUEST_TIMEOUT_MS,
                "retry_backoff_ms": RETRY_BACKOFF_MS,
                "metadata_max_age_ms": METADATA_MAX_AGE_MS,
            },
            client_id=self._client,
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=FETCH_WAIT_MS,
            max_partition_fetch_bytes=256 * 1024,
        )
        try:
            await consumer.start()
            for place in consumer.assignment() & self._next.keys():
                consumer.seek(place, self._next[place])
            self._reader.connected(True)
            began = time.monotonic()
            while True:
                batches = await consumer.getmany(timeout_ms=POLL_MS, max_records=BATCH_RECORDS)
                for place, records in batches.items():
                    self._reader.take(records)
                    self._next[place] = records[-1].offset + 1
                complete = await self._note_completeness(consumer)
                if time.monotonic() - max(began, complete) > STUCK_SECONDS:
                    raise TimeoutError("the brokers have said nothing for a while")
        finally:
            with contextlib.suppress(kafka_errors.KafkaError, TimeoutError):
                await close(consumer, within_seconds=CLOSE_SECONDS)

    async def _note_completeness(self, consumer: AIOKafkaConsumer) -> float:
        """Tell up to when everything is known; the monotonic time, -inf when that is unknown."""
        ahead = time.monotonic() - time.time()
        oldest = float("inf")
        for place in consumer.assignment():
            answered, end = consumer.last_poll_timestamp(place), consumer.highwater(place)
            if answered is not None and end is not None:
                async with asyncio.timeout(POLL_MS / 1000):  # at once, unless it is being looked up
                    if await consumer.position(place) >= end:
                        self._complete[place] = answered / 1000 + ahead
            oldest = min(oldest, self._complete.get(place, float("-inf")))
        if oldest == float("inf"):
            return float("-inf")
        if oldest > float("-inf"):
            self._reader.complete(oldest)
        return oldest
