"""Rows of turns, and the lock that everything begins with which stores a message or sends a record.

The row of the chat is locked first, turns after it. So the turns of a chat are numbered, its
messages timed and its records sent in one order, and nobody waits for each other in a circle.
"""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any, Final

import asyncpg

from services.chat.state import Status
from services.chat.turn import Picture, Place, Turn

TURN: Final = (
    "job_id, chat_id, user_id, number, status, message, image_url, image_key, image_content_type, "
    "latitude, longitude, model, traceparent, awaited, created_at, deadline_at, finished_at, "
    "round, input_type, parked_state, last_input, intent, result, error_reason, error_message"
)

GET: Final = f"SELECT {TURN} FROM turns WHERE job_id = $1"  # noqa: S608 - constants
GET_LOCKED: Final = f"{GET} FOR UPDATE"

# Times of a chat's messages are a millisecond apart at least, so that their order is theirs too
# for clients that keep no more.
NOW: Final = """
greatest(date_trunc('milliseconds', clock_timestamp()), last_message_at + interval '1 millisecond')
"""


async def lock_chat(connection: asyncpg.Connection, job_id: uuid.UUID) -> datetime:
    """Lock the chat of a turn, if there is one; the time of a message that is stored now."""
    now = await connection.fetchval(
        f"""
        SELECT {NOW} FROM chats
         WHERE chat_id = (SELECT chat_id FROM turns WHERE job_id = $1) FOR NO KEY UPDATE
        """,  # noqa: S608 - constants
        job_id,
    )
    return now or datetime.now(UTC)


def turn_of(row: asyncpg.Record | None) -> Turn | None:
    """The turn of a row that has the columns of :data:`TURN`."""
    if row is None:
        return None
    fields: dict[str, Any] = dict(row)
    fields["status"] = Status(fields["status"])
    fields["picture"] = Picture(
        url=fields.pop("image_url"),
        key=fields.pop("image_key"),
        content_type=fields.pop("image_content_type"),
    )
    latitude, longitude = fields.pop("latitude"), fields.pop("longitude")
    fields["place"] = None if latitude is None else Place(latitude, longitude)
    return Turn(**fields)
