"""The records that send turns to the worker. Pure."""

from __future__ import annotations

from datetime import datetime

from eco2.chat.v1 import chat_pb2
from eco2.pipeline.v1 import chat_turn_pb2

from services.chat.turn import Input, Turn
from services.runtime.outbox import Message
from streaming.kafka.topics import CHAT_TURNS


def record(turn: Turn, answered: Input | None = None) -> Message:
    """The record that sends a turn to the worker, anew or with what it has waited for."""
    task = chat_turn_pb2.ChatTurn(
        job_id=str(turn.job_id),
        chat_id=str(turn.chat_id),
        user_id=str(turn.user_id),
        message=turn.message,
        image_url=turn.picture.url,
        image_key=turn.picture.key,
        image_content_type=turn.picture.content_type,
        model=turn.model,
        submitted_at_ms=_millis(turn.created_at),
        deadline_ms=_millis(turn.deadline_at),
        traceparent=turn.traceparent,
    )
    if turn.place is not None:
        task.user_location.CopyFrom(
            chat_pb2.GeoPoint(latitude=turn.place.latitude, longitude=turn.place.longitude)
        )
    if answered is not None:
        task.input.CopyFrom(
            chat_turn_pb2.ChatInput(
                type=answered.type,
                data_json=answered.data_json,
                state=answered.state,
                round=answered.round,
            )
        )
    return Message(CHAT_TURNS.name, str(turn.chat_id), task.SerializeToString())


def _millis(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
