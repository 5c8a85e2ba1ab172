"""Chats, messages and turns as messages of the API. Pure."""

from __future__ import annotations

import json
from typing import Any, Final

from eco2.chat.v1 import chat_pb2, chat_service_pb2
from google.protobuf import json_format, struct_pb2

from services.chat.state import Status
from services.chat.turn import Chat, Memory, StoredMessage, Turn
from services.runtime.errors import meaning_of, reason_named
from services.runtime.timestamps import timestamp

CANCELLED_MESSAGE: Final = "삭제된 대화입니다."
CLASSIFICATION: Final = ("major_category", "middle_category", "minor_category")


def chat_summary(chat: Chat) -> chat_pb2.ChatSummary:
    """One row of the list."""
    last = chat.last_message_at
    return chat_pb2.ChatSummary(
        id=str(chat.chat_id),
        title=chat.title,
        preview=chat.preview,
        message_count=chat.message_count,
        created_at=timestamp(chat.created_at),
        last_message_at=None if last is None else timestamp(last),
    )


def chat_message(row: StoredMessage) -> chat_pb2.ChatMessage:
    """One message."""
    message = chat_pb2.ChatMessage(
        id=str(row.message_id),
        role=row.role,
        content=row.content,
        image_url=row.image_url,
        intent=row.intent,
        created_at=timestamp(row.created_at),
    )
    if row.metadata is not None:
        message.metadata.CopyFrom(_struct(json.loads(row.metadata)))
    return message


def turn_message(turn: Turn) -> chat_pb2.Turn:
    """The internal view of a turn."""
    message = chat_pb2.Turn(
        job_id=str(turn.job_id),
        chat_id=str(turn.chat_id),
        user_id=str(turn.user_id),
        status=turn.status,
        message=turn.message,
        result_json=turn.result or "",
        error_reason=turn.error_reason or "",
        error_message=error_text(turn),
        created_at=timestamp(turn.created_at),
        round=turn.round,
    )
    if turn.finished_at is not None:
        message.finished_at.CopyFrom(timestamp(turn.finished_at))
    return message


def error_text(turn: Turn) -> str:
    """Why a turn has no answer, for its user, in Korean; empty while it may have one."""
    if turn.status is Status.CANCELLED:
        return CANCELLED_MESSAGE
    if turn.status is not Status.FAILED:
        return ""
    return turn.error_message or meaning_of(reason_named(turn.error_reason or "")).message_ko


def begun(turn: Turn, memory: Memory) -> chat_service_pb2.BeginTurnResponse:
    """What a worker gets to know."""
    return chat_service_pb2.BeginTurnResponse(
        turn=turn_message(turn),
        history=[
            chat_pb2.PastMessage(
                role=row.role,
                content=row.content,
                image_url=row.image_url or "",
                intent=row.intent or "",
                position=row.position,
            )
            for row in memory.history
        ],
        summary=memory.summary,
        summarised_messages=memory.summarised_through,
        recent_intents=memory.recent_intents,
        recent_confidence=memory.recent_confidence,
        user_message_at=timestamp(turn.created_at),
    )


def asked(turn: Turn) -> chat_service_pb2.AskOnceResponse:
    """The answer of a completed turn, as the app's first chat screen knows it."""
    result: dict[str, Any] = json.loads(turn.result or "{}")
    metadata = result["persistence"]["metadata"]
    response = chat_service_pb2.AskOnceResponse(
        user_answer=result["answer"],
        disposal_steps=[
            chat_service_pb2.AnswerStep(step=number, instruction=step)
            for number, step in enumerate(_texts(metadata.get("disposal_steps")), start=1)
        ],
        insufficiencies=_texts(metadata.get("insufficiencies")),
        metadata=chat_service_pb2.AnswerMetadata(
            pipeline_type="image" if turn.picture.url else "text",
            processed_at=None if turn.finished_at is None else timestamp(turn.finished_at),
        ),
    )
    labels = metadata.get("classification")
    if isinstance(labels, dict):
        known = {name: labels[name] for name in CLASSIFICATION if isinstance(labels.get(name), str)}
        if known:
            response.metadata.classification.CopyFrom(_struct(known))
    return response


def _texts(value: object) -> list[str]:
    """The texts of a list; none for anything else."""
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def _struct(members: dict[str, Any]) -> struct_pb2.Struct:
    return json_format.ParseDict(members, struct_pb2.Struct())
