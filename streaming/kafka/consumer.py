"""The concurrent consumer: hundreds of records in flight, ordered by key, nothing lost.

What is guaranteed: every record is handled at least once, or ends in a retry topic or the dead
letter queue; records of one key never run at the same time in a process and start in order; a
commit never passes a record that is unfinished. What is not: exactly once (handlers are
idempotent), and order across a retry topic (a topic that needs it is retried in place).
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping

from services.runtime import logs
from streaming.kafka import metrics
from streaming.kafka.connection import Connection
from streaming.kafka.dispatch import Dispatcher
from streaming.kafka.member import Member
from streaming.kafka.producer import Producer
from streaming.kafka.record import Handler, OnDead, Record
from streaming.kafka.retry import DEADLINE_EXCEEDED, Poison, Retryable
from streaming.kafka.timing import Timing
from streaming.kafka.topics import Topic
from streaming.kafka.work import Channel

__all__ = [
    "DEADLINE_EXCEEDED",
    "Handler",
    "NotReadyError",
    "OnDead",
    "Poison",
    "Record",
    "Retryable",
    "Runner",
    "Timing",
]

log = logs.get(__name__)

MAX_IN_FLIGHT = 256
HANDLER_TIMEOUT_SECONDS = 120.0


class NotReadyError(Exception):
    """The group has given this process no assignment (yet)."""


class Runner:
    """Consumes `handlers`' topics and their retry topics.

    One client reads all the topics. A second one, in the group ``<group_id>.retry``, reads all the
    retry topics: they are rarely written, and each partition in a client's assignment costs CPU in
    each of its fetches.

    `max_in_flight` and `timeout_seconds` (of one attempt) hold for each topic, or for the topics a
    mapping names (by topic name) with the defaults for the others.
    """

    def __init__(
        self,
        handlers: Mapping[Topic, Handler],
        *,
        group_id: str,
        connection: Connection | str,
        producer: Producer,
        max_in_flight: int | Mapping[str, int] = MAX_IN_FLIGHT,
        timeout_seconds: float | Mapping[str, float] = HANDLER_TIMEOUT_SECONDS,
        on_dead: OnDead | None = None,
        timing: Timing | None = None,
        max_delayed: int = 2_000,
    ) -> None:
        self.group_id = group_id
        self._dispatcher = Dispatcher(producer)
        self._channels = {
            topic.name: Channel(
                topic,
                handler,
                group_id=group_id,
                max_in_flight=max_in_flight
                if isinstance(max_in_flight, int)
                else max_in_flight.get(topic.name, MAX_IN_FLIGHT),
                timeout_seconds=timeout_seconds
                if isinstance(timeout_seconds, int | float)
                else timeout_seconds.get(topic.name, HANDLER_TIMEOUT_SECONDS),
                on_dead=on_dead,
            )
            for topic, handler in handlers.items()
        }
        retries = {
            name: self._channels[topic.name] for topic in handlers for name in topic.retry_topics
        }
        timing = timing or Timing()
        where = Connection.of(connection)
        client_id = f"eco2-{group_id}-{socket.gethostname()}"
        self._members = [
            Member(
                topics,
                group_id=group,
                connection=where,
                dispatcher=self._dispatcher,
                timing=timing,
                client_id=client_id,
                max_delayed=max_delayed,
                instance_id=where.instance or None,
            )
            for topics, group in (
                (self._channels, group_id),
                (retries, f"{group_id}.retry"),
            )
            if topics
        ]
        self._draining = False
        self._tasks: list[asyncio.Task[None]] = []

    async def run(self) -> None:
        """Consume until cancelled. Brokers being away is waited out; an error raised from here is
        one that waiting does not mend (access refused).
        """
        metrics.observe(self)
        try:
            async with asyncio.TaskGroup() as group:
                self._tasks = [
                    group.create_task(member.run(), name=f"kafka-{member.group_id}")
                    for member in self._members
                ]
        finally:
            metrics.ignore(self)
            await self._dispatcher.cancel()
        if self._draining:
            await (
                asyncio.get_running_loop().create_future()
            )  # drained: nothing more until cancelled

    async def drain(self, seconds: float) -> None:
        """Stop reading, let running handlers finish within `seconds`, commit and leave the group.
        Handlers that take longer are cancelled; their records are handled by the next member.
        """
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        self._draining = True
        for member in self._members:
            member.stop_reading()
        if not await self._dispatcher.idle(until - loop.time() - 0.5):
            log.warning("handlers cut off", group=self.group_id, handlers=self._dispatcher.running)
        await self._dispatcher.cancel()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=max(1.0, until - loop.time()))

    async def ready(self) -> None:
        """Readiness: raises :class:`NotReadyError` unless an assignment is held."""
        if self._draining or not all(member.assigned for member in self._members):
            raise NotReadyError(f"group {self.group_id} has no assignment")

    def in_flight(self) -> dict[str, int]:
        """Running handlers by topic."""
        return {name: channel.lanes.running for name, channel in self._channels.items()}

    def lag(self) -> dict[tuple[str, int], int]:
        """Records behind the end by topic and partition, retry topics included."""
        return {place: n for member in self._members for place, n in member.lag().items()}
