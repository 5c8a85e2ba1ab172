"""Chats and their messages in the chat schema. Turns are in :mod:`services.chat.turns`."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Final, NamedTuple

import asyncpg

from services.chat.state import Event, sources
from services.chat.turn import Chat, StoredMessage
from services.runtime.cursor import Cursor
from services.runtime.database import affected
from services.runtime.pool import Pool

_CHAT: Final = "chat_id, title, preview, message_count, last_message_at, created_at"
_VISIBLE: Final = "deleted_at IS NULL AND NOT hidden"

_DELETE: Final = (
    "DELETE FROM messages WHERE chat_id = ANY($1::uuid[])",
    "DELETE FROM turns WHERE chat_id = ANY($1::uuid[])",
    "DELETE FROM chats WHERE chat_id = ANY($1::uuid[])",
)


def _half(spoken: str, key: str, begin: str = "") -> str:
    """Chats with messages or those without, in their order, `begin` of it on."""
    return f"""
        (SELECT {_CHAT} FROM chats
          WHERE user_id = $1 AND {_VISIBLE} AND last_message_at {spoken} {begin.format(key)}
          ORDER BY {key} DESC, chat_id DESC LIMIT $2)"""  # noqa: S608 - constants


class After(NamedTuple):
    """Where a page of the list of chats begins."""

    cursor: Cursor
    spoken: bool
    """Whether the cursor names a chat with messages; else one of those without, listed last."""


class ChatStore:
    """Chats through the domain's pool. Hidden and deleted ones do not exist here."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def create(self, user_id: uuid.UUID, title: str | None) -> Chat:
        """Make an empty chat."""
        row = await self._pool.fetchrow(
            f"""
            INSERT INTO chats (chat_id, user_id, title, created_at)
            VALUES ($1, $2, $3, date_trunc('milliseconds', clock_timestamp()))
            RETURNING {_CHAT}
            """,  # noqa: S608 - constants
            uuid.uuid4(),
            user_id,
            title,
        )
        return Chat(*row)

    async def get(self, chat_id: uuid.UUID, user_id: uuid.UUID) -> Chat | None:
        """A chat of this user."""
        row = await self._pool.fetchrow(
            f"SELECT {_CHAT} FROM chats WHERE chat_id = $1 AND user_id = $2 AND {_VISIBLE}",  # noqa: S608
            chat_id,
            user_id,
        )
        return None if row is None else Chat(*row)

    async def page(self, user_id: uuid.UUID, after: After | None, limit: int) -> list[Chat]:
        """Chats of a user: the one with the latest message first, those without any last.

        One statement of two halves, each of which walks its own index for `limit` rows at the most.
        """
        arguments = [user_id, limit]
        begin = ""
        if after is not None:
            begin = "AND ({}, chat_id) < ($3, $4)"
            arguments += [after.cursor.created_at, after.cursor.row_id]
        if after is None or after.spoken:
            halves = [
                _half("IS NOT NULL", "last_message_at", begin),
                _half("IS NULL", "created_at"),
            ]
        else:
            halves = [_half("IS NULL", "created_at", begin)]
        rows = await self._pool.fetch(
            f"""
            SELECT {_CHAT} FROM ({" UNION ALL ".join(halves)}) AS halves
             ORDER BY last_message_at IS NULL, coalesce(last_message_at, created_at) DESC,
                      chat_id DESC LIMIT $2
            """,  # noqa: S608 - constants
            *arguments,
        )
        return [Chat(*row) for row in rows]

    async def messages(
        self, chat_id: uuid.UUID, before: uuid.UUID | None, limit: int
    ) -> list[StoredMessage]:
        """Messages of a chat, the newest first, from before the given one on."""
        where, arguments = "", [chat_id, limit]
        if before is not None:
            where = """
               AND seq < (SELECT seq FROM messages WHERE message_id = $3 AND chat_id = $1)"""
            arguments.append(before)
        rows = await self._pool.fetch(
            f"""
            SELECT message_id, role, content, image_url, intent, metadata, created_at
              FROM messages WHERE chat_id = $1 {where}
             ORDER BY seq DESC LIMIT $2
            """,  # noqa: S608 - constants
            *arguments,
        )
        return [StoredMessage(*row) for row in rows]

    async def rename(self, chat_id: uuid.UUID, user_id: uuid.UUID, title: str) -> bool:
        """Give a chat of this user a title; False when there is none."""
        done = await self._pool.fetchval(
            f"""
            UPDATE chats SET title = $3
             WHERE chat_id = $1 AND user_id = $2 AND {_VISIBLE} RETURNING true
            """,  # noqa: S608 - constants
            chat_id,
            user_id,
            title,
        )
        return bool(done)

    async def delete(self, chat_id: uuid.UUID, user_id: uuid.UUID) -> Sequence[uuid.UUID] | None:
        """Hide a chat of this user and cancel its turns; which, or None when there is no chat."""
        async with self._pool.acquire() as connection, connection.transaction():
            deleted = await connection.fetchval(
                f"""
                UPDATE chats SET deleted_at = now()
                 WHERE chat_id = $1 AND user_id = $2 AND {_VISIBLE} RETURNING true
                """,  # noqa: S608 - constants
                chat_id,
                user_id,
            )
            return await cancel_turns(connection, [chat_id]) if deleted else None


async def cancel_turns(
    connection: asyncpg.Connection, chat_ids: Sequence[uuid.UUID]
) -> list[uuid.UUID]:
    """Cancel the turns of these chats, whose rows are locked, that have not ended; which."""
    rows = await connection.fetch(
        """
        UPDATE turns SET status = 'cancelled', finished_at = now(), waits_until = NULL,
                         parked_state = NULL
         WHERE chat_id = ANY($1::uuid[]) AND status = ANY($2::text[])
        RETURNING job_id
        """,
        chat_ids,
        sources(Event.CANCEL),
    )
    return [row["job_id"] for row in rows]


async def delete_chats(connection: asyncpg.Connection, chat_ids: Sequence[uuid.UUID]) -> int:
    """Delete chats with everything in them, in one transaction; how many rows."""
    erased = 0
    async with connection.transaction():
        for statement in _DELETE:
            status = await connection.execute(statement, chat_ids)
            erased += affected(status)
    return erased
