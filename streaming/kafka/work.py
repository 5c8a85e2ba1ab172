"""A record on its way through this process, and the channel of the topic it belongs to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from aiokafka.structs import ConsumerRecord
from google.protobuf.message import DecodeError, Message

from streaming.kafka import headers as h
from streaming.kafka import metrics
from streaming.kafka.lanes import Lanes
from streaming.kafka.ledger import Entry, Ledger, Place
from streaming.kafka.record import Handler, OnDead, Record
from streaming.kafka.topics import Topic


class Owner(Protocol):
    """The group member that read a piece of work."""

    ledger: Ledger[Work]

    def finished(self, work: Work) -> None:
        """The work needs nothing more."""


class Channel:
    """One topic of work in this process: its handler and its lanes."""

    def __init__(
        self,
        topic: Topic,
        handler: Handler,
        *,
        group_id: str,
        max_in_flight: int,
        timeout_seconds: float,
        on_dead: OnDead | None,
    ) -> None:
        self.topic = topic
        self.handler = handler
        self.timeout_seconds = timeout_seconds
        self.on_dead = on_dead
        self.group_id = group_id
        self.parse: Callable[[bytes], Message] = topic.message_type().FromString
        self.lanes: Lanes[object, Work] = Lanes(max_in_flight)
        labels = (group_id, topic.name)
        self.handled = metrics.RECORDS.labels(*labels, "handled")
        self.retried = metrics.RECORDS.labels(*labels, "retried")
        self.dead = metrics.RECORDS.labels(*labels, "dead")
        self.seconds = metrics.SECONDS.labels(*labels)

    @property
    def saturated(self) -> bool:
        """Whether it has as much as it may take on: nothing more is read for it."""
        return self.lanes.load >= self.lanes.limit


class Work(Entry):
    """One record on its way through a channel."""

    __slots__ = ("attempt", "channel", "headers", "lane", "owner", "raw")

    def __init__(self, raw: ConsumerRecord, place: Place, channel: Channel, owner: Owner) -> None:
        super().__init__(place, raw.offset)
        self.raw = raw
        self.channel = channel
        self.owner = owner
        self.headers: dict[str, str] = h.decode(raw.headers)
        self.attempt = max(1, h.count(self.headers, h.ATTEMPT, 1))
        self.lane: object = raw.key if raw.key is not None else (place, raw.offset)

    def record(self) -> Record[Any]:
        """The record as its handler gets it; raises DecodeError."""
        declared = self.headers.get(h.SCHEMA)
        topic = self.channel.topic
        if declared is not None and declared != topic.message:
            raise DecodeError(f"SCHEMA_{declared}")
        if self.raw.value is None:
            raise DecodeError("NO_VALUE")
        try:
            key = self.raw.key.decode() if self.raw.key is not None else ""
        except UnicodeDecodeError as error:
            raise DecodeError("KEY_NOT_UTF8") from error
        try:
            message = self.channel.parse(self.raw.value)
        except DecodeError as error:
            raise DecodeError("NOT_THE_MESSAGE") from error
        return Record(
            topic,
            key,
            message,
            self.attempt,
            h.seconds(self.headers, h.DEADLINE),
            self.headers.get(h.TRACEPARENT, ""),
            self.place.partition,
            self.offset,
            self.place.topic,
            self.headers,
        )

    def describe(self) -> dict[str, Any]:
        """Fields for a log line."""
        return {
            "topic": self.place.topic,
            "partition": self.place.partition,
            "offset": self.offset,
            "key": (self.raw.key or b"").decode("utf-8", "replace")[:64],
            "attempt": self.attempt,
        }
