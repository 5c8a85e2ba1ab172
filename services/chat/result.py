"""What `done` carries of a turn, rendered once when the answer is stored. Pure.

The texts of the two messages and their ids are left out of ``persistence``: with ids there the app
draws bubbles twice, so it is left to recognise messages by role, content and time.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from eco2.chat.v1 import chat_pb2

from services.chat import refusals
from services.chat.turn import Turn
from services.runtime.timestamps import timestamp


def completed(
    turn: Turn, answer: chat_pb2.AssistantAnswer, metadata: Mapping[str, Any], stored_at: datetime
) -> str:
    """The result of a turn with this answer, stored at that time, in one line of JSON."""
    evaluation = None
    if answer.grade:
        evaluation = {
            "grade": answer.grade,
            "score": answer.score if answer.HasField("score") else None,
        }
    return _json(
        {
            "intent": answer.intent,
            "answer": answer.content,
            "eval": evaluation,
            "persistence": {
                "conversation_id": str(turn.chat_id),
                "user_id": str(turn.user_id),
                "user_message_created_at": written(turn.created_at),
                "user_image_url": turn.picture.url or None,
                "assistant_message_created_at": written(stored_at),
                "intent": answer.intent,
                "metadata": metadata,
            },
        }
    )


def metadata_of(text: str) -> dict[str, Any]:
    """Metadata of an answer, empty for none; DomainError when it is no JSON object."""
    if not text:
        return {}
    try:
        parsed = json.loads(text, parse_constant=_refuse)
        json.dumps(parsed, ensure_ascii=False).encode()  # escaped halves of surrogate pairs
    except (ValueError, RecursionError):
        raise refusals.invalid("answer.metadata_json", "must be JSON") from None
    if not isinstance(parsed, dict):
        raise refusals.invalid("answer.metadata_json", "must be a JSON object")
    return parsed


def written(moment: datetime) -> str:
    """A time as the edge writes it in the messages of the API, so that the same moment is the same
    text in `done` and in the chat: a full second has no fraction.
    """
    return timestamp(moment).ToJsonString()


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")


def _json(document: Mapping[str, Any]) -> str:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))
