"""One member of a consumer group: reads, rebalances, commits.

Facts of the client library (aiokafka 0.14) this module is built on:

* A rebalance is eager: everything is revoked, then assigned anew. ``on_partitions_revoked`` is
  awaited before the member rejoins, and heartbeats go on meanwhile.
* Records of a new assignment can be returned before ``on_partitions_assigned`` was called.
* ``getmany`` with a list of partitions leaves what was fetched for others in its buffer, while a
  paused partition's buffer is thrown away and fetched again. So a saturated topic is simply left
  out of the list, and nothing needs to be paused: its buffer (one fetch a partition) fills up and
  is not fetched further.
* Being ejected after ``max_poll_interval_ms`` depends on ``getmany`` being called, with whatever
  partitions.
* A failing commit is retried without an end while brokers are away: it has to be bounded here.
* Only a group's leader notices that a topic got more partitions, and a static member that comes
  back after a crash is told that the leader is its former self: it has to notice by itself.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable, Mapping
from typing import Any, Final

from aiokafka import AIOKafkaConsumer
from aiokafka import errors as kafka_errors
from aiokafka.abc import ConsumerRebalanceListener
from aiokafka.structs import TopicPartition

from services.runtime import logs
from streaming.kafka import headers as h
from streaming.kafka import metrics
from streaming.kafka.closing import close
from streaming.kafka.connection import Connection
from streaming.kafka.dispatch import Dispatcher
from streaming.kafka.ledger import Ledger, Place
from streaming.kafka.timing import Timing
from streaming.kafka.work import Channel, Work

log = logs.get(__name__)

_NOWHERE: Final = TopicPartition("", 0)
"""Asking for it returns no records and counts as a poll."""

RECONNECT_MAX_SECONDS: Final = 5.0


class Member(ConsumerRebalanceListener):  # type: ignore[misc]  # the library ships no types
    """Reads `topics` (physical name → channel) as a member of `group_id`.

    `max_delayed` bounds how many records that may not be handled yet are kept in memory.
    """

    def __init__(
        self,
        topics: Mapping[str, Channel],
        *,
        group_id: str,
        connection: Connection,
        dispatcher: Dispatcher,
        timing: Timing,
        client_id: str,
        max_poll_records: int = 64,
        max_delayed: int = 2_000,
        instance_id: str | None = None,
    ) -> None:
        self.ledger: Ledger[Work] = Ledger()
        self.group_id = group_id
        self._topics = topics
        self._connection = connection
        self._dispatcher = dispatcher
        self._timing = timing
        self._client_id = client_id
        self._max_poll_records = max_poll_records
        self._max_delayed = max_delayed
        self._instance_id = instance_id
        self._delayed = 0
        self._consumer: AIOKafkaConsumer | None = None
        self._settled = False
        self._dirty = False
        self._reading = True
        self._moved = asyncio.Event()
        self._committing = asyncio.Lock()
        self._partitions: dict[str, int] = {}
        self._unplaced: set[Place] = set()

    # -- life -----------------------------------------------------------------------------------

    async def run(self) -> None:
        """Be a member until cancelled; connection trouble is waited out, refused access raises."""
        loop = asyncio.get_running_loop()
        pause = 0.2
        while True:
            began = loop.time()
            try:
                await self._session()
            except (
                kafka_errors.TopicAuthorizationFailedError,
                kafka_errors.GroupAuthorizationFailedError,
            ):
                raise
            except (kafka_errors.KafkaError, OSError, TimeoutError) as error:
                log.warning(
                    "Kafka is away, the consumer keeps trying",
                    group=self.group_id,
                    error=str(error),
                )
            lasted = loop.time() - began
            pause = 0.2 if lasted > RECONNECT_MAX_SECONDS else min(pause * 2, RECONNECT_MAX_SECONDS)
            await asyncio.sleep(pause)

    async def _session(self) -> None:
        timing = self._timing
        consumer = AIOKafkaConsumer(
            **self._connection.client_options(),
            client_id=self._client_id,
            group_id=self.group_id,
            group_instance_id=self._instance_id,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            session_timeout_ms=round(timing.session_timeout_seconds * 1000),
            heartbeat_interval_ms=round(timing.heartbeat_seconds * 1000),
            rebalance_timeout_ms=round(timing.rebalance_timeout_seconds * 1000),
            max_poll_interval_ms=round(timing.max_poll_interval_seconds * 1000),
            fetch_max_wait_ms=timing.fetch_wait_ms,
            max_partition_fetch_bytes=256 * 1024,
            fetch_max_bytes=4 * 1024 * 1024,
        )
        committer: asyncio.Task[None] | None = None
        try:
            await consumer.start()
            self._consumer = consumer
            consumer.subscribe(topics=list(self._topics), listener=self)
            committer = asyncio.create_task(self._commit_regularly())
            await self._poll(consumer)
        finally:
            self._settled = False
            if committer is not None:
                committer.cancel()
            await self._leave(consumer)

    async def _leave(self, consumer: AIOKafkaConsumer) -> None:
        """End a session in order: nothing queued, what is done committed, out of the group."""
        self._discard_queued()
        with contextlib.suppress(kafka_errors.KafkaError, TimeoutError):
            await self.commit(within_seconds=1.0)
        self.ledger.revoke()
        self._consumer = None
        try:
            await close(consumer, within_seconds=5.0)
        except (kafka_errors.KafkaError, TimeoutError) as error:
            log.warning("leaving the group failed", group=self.group_id, error=repr(error))

    def stop_reading(self) -> None:
        """Read no more and drop what was not started; stay a member, so that running handlers
        keep their partitions.
        """
        self._reading = False
        self._discard_queued()

    @property
    def assigned(self) -> bool:
        """Whether the group gave this member an assignment that holds, maybe an empty one when
        there are more members than partitions; not while a topic does not exist yet.
        """
        consumer = self._consumer
        return (
            self._settled
            and consumer is not None
            and all(consumer.partitions_for_topic(name) for name in self._topics)
        )

    # -- reading --------------------------------------------------------------------------------

    async def _poll(self, consumer: AIOKafkaConsumer) -> None:
        loop = asyncio.get_running_loop()
        timing = self._timing
        poll_ms = round(timing.poll_seconds * 1000)
        while True:
            started = loop.time()
            wanted, waiting = self._wanted()
            if wanted is not None and not wanted:
                self._dispatcher.freed.clear()
                await consumer.getmany(_NOWHERE)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(timing.poll_seconds):
                        await self._dispatcher.freed.wait()
                continue
            batches = await consumer.getmany(
                *(wanted or ()),
                timeout_ms=50 if waiting else poll_ms,
                max_records=self._max_poll_records,
            )
            if not batches:
                _raise_if_fetching_ended(consumer)
                continue
            touched: set[Channel] = set()
            count = 0
            for place, raws in batches.items():
                channel = self._topics[place.topic]
                touched.add(channel)
                count += len(raws)
                self._take(Place(*place), channel, raws)
            for channel in touched:
                self._dispatcher.pump(channel)
            spare = timing.pace_seconds - (loop.time() - started)
            if spare > 0 and count < self._max_poll_records:  # else there is more at hand
                await asyncio.sleep(spare)

    def _wanted(self) -> tuple[tuple[TopicPartition, ...] | None, bool]:
        """Partitions to read from (None: all of them) and whether some are left out for now."""
        if not self._reading or self._delayed >= self._max_delayed:
            return (), True
        closed = {name for name, channel in self._topics.items() if channel.saturated}
        if not closed:
            return None, False
        return (
            tuple(TopicPartition(*p) for p in self.ledger.places if p.topic not in closed),
            True,
        )

    def _take(self, place: Place, channel: Channel, raws: Iterable[Any]) -> None:
        ledger = self.ledger
        loop = asyncio.get_running_loop()
        now: float | None = None
        for raw in raws:
            if ledger.rewound(place, raw.offset):
                log.warning("reading starts over", topic=place.topic, partition=place.partition)
                ledger.revoke((place,))
                self._dispatcher.discard(self._topics, _unheld)
            work = Work(raw, place, channel, self)
            if not ledger.read(work):
                self._dirty = True
                continue
            not_before = h.seconds(work.headers, h.NOT_BEFORE)
            if not_before is not None:
                now = self._dispatcher.now() if now is None else now
                if not_before > now:
                    self._delayed += 1
                    loop.call_later(not_before - now, self._due, work)
                    continue
            self._dispatcher.offer(work)

    def _due(self, work: Work) -> None:
        """The time a record had to wait for has come."""
        self._delayed -= 1
        if self._delayed == self._max_delayed - 1:
            self._dispatcher.freed.set()
        if work.holding is not None and self._reading:
            self._dispatcher.offer(work)
            self._dispatcher.pump(work.channel)

    def finished(self, work: Work) -> None:
        """A record needs no more work."""
        self.ledger.finish(work)
        self._dirty = True
        self._moved.set()

    def _discard_queued(self) -> None:
        self._dispatcher.discard(self._topics, self._is_mine)

    def _is_mine(self, work: Work) -> bool:
        return work.owner is self and not work.started

    # -- rebalancing ----------------------------------------------------------------------------

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Finish what finishes soon, commit, and let the rest run on."""
        self._settled = False
        if not self.ledger.places:
            return
        self._discard_queued()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._timing.revoke_drain_seconds):
                while self.ledger.started():
                    self._moved.clear()
                    await self._moved.wait()
        with contextlib.suppress(kafka_errors.KafkaError, TimeoutError):
            await self.commit(within_seconds=self._timing.commit_timeout_seconds)
        running = self.ledger.started()
        self.ledger.revoke()
        log.info("partitions revoked", group=self.group_id, still_running=running)

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Begin a new epoch."""
        self.ledger.assign(Place(*place) for place in assigned)
        self._settled = True
        self._partitions = self._count_partitions()
        self._unplaced = set(self.ledger.places)
        metrics.REBALANCES.labels(self.group_id).inc()
        log.info("partitions assigned", group=self.group_id, partitions=len(self.ledger.places))

    def _count_partitions(self) -> dict[str, int]:
        consumer = self._consumer
        if consumer is None:
            return {}
        return {name: len(consumer.partitions_for_topic(name) or ()) for name in self._topics}

    def _join_again_when_topics_grew(self) -> None:
        consumer = self._consumer
        now = self._count_partitions()
        if consumer is not None and now != self._partitions:
            log.info("topics have other partitions, joining again", group=self.group_id)
            self._partitions = now
            consumer.subscribe(topics=list(self._topics), listener=self)

    # -- committing -----------------------------------------------------------------------------

    async def _commit_regularly(self) -> None:
        while True:
            await asyncio.sleep(self._timing.commit_seconds)
            if self._instance_id is not None and self._settled:
                self._join_again_when_topics_grew()
            if not self._settled or not (self._dirty or self._unplaced):
                continue
            try:
                await self._place()
                await self.commit(within_seconds=self._timing.commit_timeout_seconds)
            except (kafka_errors.KafkaError, TimeoutError) as error:
                metrics.COMMIT_FAILURES.labels(self.group_id).inc()
                log.info("commit failed", group=self.group_id, error=type(error).__name__)
            except Exception:  # nobody would notice if there were no more commits
                metrics.COMMIT_FAILURES.labels(self.group_id).inc()
                log.exception("commit failed", group=self.group_id)

    async def _place(self) -> None:
        """Learn where the partitions begin that were just assigned: their lag counts from there,
        also while a saturated topic is not read.
        """
        consumer = self._consumer
        async with asyncio.timeout(self._timing.commit_timeout_seconds):
            while self._unplaced and consumer is not None:
                place = self._unplaced.pop()
                self.ledger.begin(place, await consumer.position(TopicPartition(*place)))

    async def commit(self, *, within_seconds: float) -> None:
        """Commit the finished prefix of every held partition; KafkaError or TimeoutError."""
        async with asyncio.timeout(within_seconds), self._committing:
            consumer = self._consumer
            positions = self.ledger.to_commit()
            if consumer is None or not positions:
                self._dirty = False
                return
            epoch = self.ledger.epoch
            self._dirty = False
            try:
                await consumer.commit(
                    {TopicPartition(*place): offset for place, offset in positions.items()}
                )
            except BaseException:
                self._dirty = True
                raise
            self.ledger.acknowledged(positions, epoch)

    def lag(self) -> dict[tuple[str, int], int]:
        """Records between the committable position and the end, by topic and partition."""
        consumer = self._consumer
        behind: dict[tuple[str, int], int] = {}
        if consumer is None or not self._settled:
            return behind
        assigned = consumer.assignment()
        for place, position in self.ledger.positions():
            partition = TopicPartition(*place)
            end = consumer.highwater(partition) if partition in assigned else None
            if end is not None:
                behind[place.topic, place.partition] = max(0, end - position)
        return behind


def _unheld(work: Work) -> bool:
    return work.holding is None and not work.started


def _raise_if_fetching_ended(consumer: AIOKafkaConsumer) -> None:
    """The library does not pass on the end of its fetching task: polls would just stay empty."""
    fetcher = consumer._fetcher
    if fetcher is not None and fetcher.error_future.done():
        raise kafka_errors.KafkaError("fetching ended unexpectedly")
