"""Reads ``auth.revocations`` into the memory of this process: all of it at the start, then on.

There is no consumer group: every replica reads every partition, from its beginning and also again
when the topic gets more partitions, which is harmless since a revocation counts once however often
it is read. After an error it goes on where it was. A partition is known to be complete at the time
a broker last answered a fetch with nothing beyond what has been read by now; the oldest such time
among the partitions is what staleness is counted from.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
import uuid
from collections.abc import Iterable
from typing import Any, Final

from aiokafka import AIOKafkaConsumer
from aiokafka import errors as kafka_errors
from aiokafka.structs import TopicPartition
from eco2.pipeline.v1.identity_events_pb2 import SessionRevoked
from google.protobuf.message import DecodeError

from edge.authz import metrics
from edge.authz.revocations import RevokedSessions
from services.runtime import logs
from streaming.kafka.connection import Connection
from streaming.kafka.topics import AUTH_REVOCATIONS, Topic

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
"""Records taken at once: some 5 ms, in which no decision is made."""

STUCK_SECONDS: Final = 15.0
"""A client that has learned nothing for so long is replaced by a new one, which looks the brokers
up again."""

UUID_BYTES: Final = 16
PRUNE_SECONDS: Final = 600.0


class RevocationTopic:
    """Keeps `sessions` current while :meth:`run` runs."""

    def __init__(
        self, sessions: RevokedSessions, connection: Connection, topic: Topic = AUTH_REVOCATIONS
    ) -> None:
        self._sessions = sessions
        self._connection = connection
        self._topic = topic
        self._next: dict[TopicPartition, int] = {}
        self._complete: dict[TopicPartition, float] = {}
        self._began = 0.0

    async def run(self) -> None:
        """Read for ever; trouble with brokers is waited out."""
        self._began = time.monotonic()
        pruning = asyncio.create_task(self._prune())
        try:
            while True:
                try:
                    await self._read()
                except (kafka_errors.KafkaError, OSError, TimeoutError) as error:
                    log.warning("revocations can't be read", error=repr(error))
                metrics.CONNECTED.set(0)
                metrics.RECONNECTS.inc()
                await asyncio.sleep(AGAIN_SECONDS)
        finally:
            pruning.cancel()

    async def _prune(self) -> None:
        while True:
            await asyncio.sleep(PRUNE_SECONDS)
            self._sessions.prune()

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
            client_id="authz-revocations",
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
            metrics.CONNECTED.set(1)
            began = time.monotonic()
            while True:
                batches = await consumer.getmany(timeout_ms=POLL_MS, max_records=BATCH_RECORDS)
                for place, records in batches.items():
                    self._take(records)
                    self._next[place] = records[-1].offset + 1
                complete = await self._note_completeness(consumer)
                if time.monotonic() - max(began, complete) > STUCK_SECONDS:
                    raise TimeoutError("the brokers have said nothing for a while")
        finally:
            with contextlib.suppress(kafka_errors.KafkaError, TimeoutError):
                async with asyncio.timeout(2.0):
                    await consumer.stop()

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
            if not self._sessions.caught_up:
                seconds = time.monotonic() - self._began
                metrics.CATCH_UP_SECONDS.set(seconds)
                log.info(
                    "revocations read", sessions=len(self._sessions), seconds=round(seconds, 3)
                )
            self._sessions.complete(oldest)
        return oldest

    def _take(self, records: Iterable[Any]) -> None:
        parse = SessionRevoked.FromString
        revoke = self._sessions.revoke
        count = 0
        for record in records:
            if record.value is None:  # a tombstone ends nothing: revocations run out by themselves
                continue
            try:
                event = parse(record.value)
                session = bytes.fromhex(event.session_id.replace("-", ""))
                if len(session) != UUID_BYTES or not event.expires_at.seconds:
                    raise ValueError
            except (DecodeError, ValueError):
                self._take_by_key(record)
                continue
            revoke(session, event.expires_at.seconds)
            count += 1
        metrics.EVENTS.labels("read").inc(count)

    def _take_by_key(self, record: Any) -> None:
        """A record that can't be read still says in its key which session has ended."""
        metrics.EVENTS.labels("unreadable").inc()
        log.error("a revocation can't be read", partition=record.partition, offset=record.offset)
        with contextlib.suppress(ValueError, AttributeError):
            session = uuid.UUID(record.key.decode()).bytes
            self._sessions.revoke(session, time.time() + self._topic.retention_seconds)
