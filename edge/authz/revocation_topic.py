"""Reads ``auth.revocations`` into the memory of this process, as any compacted topic is read.

Reading a revocation again is harmless, since it counts once. The time up to which the topic is
known is what staleness is counted from.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
import uuid
from collections.abc import Sequence
from typing import Any, Final

from eco2.pipeline.v1.identity_events_pb2 import SessionRevoked
from google.protobuf.message import DecodeError

from edge.authz import metrics
from edge.authz.revocations import RevokedSessions
from services.runtime import logs
from streaming.kafka.compacted import CompactedTopic
from streaming.kafka.connection import Connection
from streaming.kafka.topics import AUTH_REVOCATIONS, Topic

log = logs.get(__name__)

UUID_BYTES: Final = 16
PRUNE_SECONDS: Final = 600.0


class RevocationTopic:
    """Keeps `sessions` current while :meth:`run` runs."""

    def __init__(
        self, sessions: RevokedSessions, connection: Connection, topic: Topic = AUTH_REVOCATIONS
    ) -> None:
        self._sessions = sessions
        self._retention_seconds = topic.retention_seconds
        self._following = CompactedTopic(topic, connection, self, "authz-revocations")
        self._began = 0.0

    async def run(self) -> None:
        """Read for ever; trouble with brokers is waited out."""
        self._began = time.monotonic()
        pruning = asyncio.create_task(self._prune())
        try:
            await self._following.run()
        finally:
            pruning.cancel()

    async def _prune(self) -> None:
        while True:
            await asyncio.sleep(PRUNE_SECONDS)
            self._sessions.prune()

    def connected(self, connected: bool) -> None:
        """Brokers have been found, or lost."""
        metrics.CONNECTED.set(connected)
        if not connected:
            metrics.RECONNECTS.inc()

    def complete(self, at: float) -> None:
        """Everything the topic held at this monotonic time is known."""
        if not self._sessions.caught_up:
            seconds = time.monotonic() - self._began
            metrics.CATCH_UP_SECONDS.set(seconds)
            log.info("revocations read", sessions=len(self._sessions), seconds=round(seconds, 3))
        self._sessions.complete(at)

    def take(self, records: Sequence[Any]) -> None:
        """Remember what these records end."""
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
            self._sessions.revoke(session, time.time() + self._retention_seconds)
