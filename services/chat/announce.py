"""Telling the world about turns: the `queued` event, and the records for the worker.

Nothing here decides whether a turn is accepted; the committed row has. So nothing here fails a
message either. The records stand in the outbox of the schema, written with the turn: what can't be
sent at once is sent by its relay, in the order of the turns of each chat.
"""

from __future__ import annotations

import asyncio

from eco2.pipeline.v1 import chat_turn_pb2

from services.chat.turn import Turn
from services.runtime import logs
from services.runtime.outbox import Message, Send
from streaming.kafka.headers import TRACEPARENT
from streaming.kafka.producer import Producer
from streaming.kafka.topics import CHAT_TURNS
from streaming.progress.event import ProgressEvent
from streaming.progress.publisher import ProgressPublisher
from streaming.progress.scripts import ProgressUnavailable

log = logs.get(__name__)


class Announcer:
    """Publishes that turns are queued."""

    def __init__(self, publisher: ProgressPublisher, *, budget_seconds: float) -> None:
        self._publisher = publisher
        self._budget_seconds = budget_seconds

    async def queued(self, turn: Turn) -> None:
        """Publish whose the turn is and that it is queued. Never raises.

        To be awaited before the record is sent, or the worker might publish before `queued`.
        """
        job_id = str(turn.job_id)
        event = ProgressEvent(
            job_id=job_id,
            domain="chat",
            stage="queued",
            status="started",
            traceparent=turn.traceparent,
        )
        try:
            async with asyncio.timeout(self._budget_seconds):
                await self._publisher.open_job(
                    job_id,
                    domain="chat",
                    user_id=str(turn.user_id),
                    traceparent=turn.traceparent,
                    events=(event,),
                )
        except (ProgressUnavailable, TimeoutError) as error:
            log.repeated("queued was not published", job_id=job_id, error=str(error))


def turn_sender(producer: Producer) -> Send:
    """Sends what the outbox holds, with the headers that a turn's record says itself.

    Raises :class:`~streaming.kafka.producer.DeliveryError`.
    """

    async def send(message: Message, timeout_seconds: float) -> None:
        turn = chat_turn_pb2.ChatTurn.FromString(message.payload)
        await producer.send(
            CHAT_TURNS,
            message.key,
            turn,
            headers={TRACEPARENT: turn.traceparent} if turn.traceparent else {},
            deadline=turn.deadline_ms / 1000,
            timeout_seconds=timeout_seconds,
        )

    return send
