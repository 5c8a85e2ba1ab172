"""What a handler gets and what it is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Generic, NamedTuple, TypeVar

from google.protobuf.message import Message

from streaming.kafka.topics import Topic

M = TypeVar("M", bound=Message)


class Record(NamedTuple, Generic[M]):
    """A decoded record; immutable by convention of its parts (don't change `message`)."""

    topic: Topic
    """The topic it was first sent to, also when it comes from a retry topic."""
    key: str
    message: M
    attempt: int
    """Which attempt this is, from 1."""
    deadline: float | None
    """Unix time in seconds after which handling it makes no sense."""
    traceparent: str
    """Trace context of the sender; empty when it sent none."""
    partition: int
    offset: int
    source: str
    """Name of the topic it was read from: `topic` or one of its retry topics; `partition` and
    `offset` are meant there."""
    headers: Mapping[str, str]


Handler = Callable[[Record[Any]], Awaitable[None]]
"""Does the work of one record. Returning means done: its offset will be committed. Raises
:class:`~streaming.kafka.retry.Retryable` or :class:`~streaming.kafka.retry.Poison`; any other
exception counts as retryable. It may be called again for the same record: be idempotent."""

OnDead = Callable[[Record[Any], str], Awaitable[None]]
"""Told, with the reason, before a record goes to the dead letter queue; repeated until it returns
without an exception, so make it idempotent. Not called for bytes that can't be decoded: there is
no record to hand over."""
