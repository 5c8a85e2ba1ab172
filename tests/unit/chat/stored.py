"""A turn to decide about."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

from services.chat.state import Status
from services.chat.turn import Picture, Turn

AT = datetime(2026, 1, 19, 12, 0, 0, 123_000, tzinfo=UTC)


def turn(**changes: Any) -> Turn:
    """A turn that was just accepted, but for the changes."""
    fields: dict[str, Any] = {
        "job_id": uuid.UUID(int=1), "chat_id": uuid.UUID(int=2), "user_id": uuid.UUID(int=3),
        "number": 1, "status": Status.ACCEPTED, "message": "페트병", "picture": Picture(),
        "place": None, "model": "", "traceparent": "", "awaited": False, "created_at": AT,
        "deadline_at": AT, "finished_at": None, "round": 0, "input_type": None,
        "parked_state": None, "last_input": None, "intent": None, "result": None,
        "error_reason": None, "error_message": None,
    }  # fmt: skip
    return Turn(**{**fields, **changes})
