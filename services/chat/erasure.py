"""Erasing a user: their chats with everything in them, their keys, and what Redis keeps."""

from __future__ import annotations

import uuid
from itertools import islice
from typing import Final

from redis.asyncio import Redis

from services.chat.store import cancel_turns, delete_chats
from services.chat.translate import CANCELLED_MESSAGE
from services.runtime.database import affected
from services.runtime.pool import Pool
from streaming.kafka.topics import CHAT_TURNS
from streaming.progress.endings import Endings
from streaming.progress.erasure import erase_jobs

CHATS: Final = 20
"""Chats erased in one transaction."""

JOBS: Final = 200
"""Jobs erased in one round trip to Redis."""


class Erasure:
    """Removes everything the chat domain keeps of a user. Repeatable, also after a half."""

    def __init__(self, pool: Pool, redis: Redis, endings: Endings) -> None:
        self._pool = pool
        self._redis = redis
        self._endings = endings

    async def erase(self, user_id: uuid.UUID) -> int:
        """Erase a user; how many rows were removed.

        Redis comes before the rows, which alone know what to look for there: when it is away
        (``ProgressUnavailable``), the rows stay for the next attempt.
        """
        erased = 0
        while removed := await self._some(user_id):
            erased += removed
        status = await self._pool.execute(
            "DELETE FROM idempotency_keys WHERE user_id = $1", user_id
        )
        return erased + affected(status)

    async def _some(self, user_id: uuid.UUID) -> int:
        """Erase some of the chats; how many rows, 0 when there is nothing left.

        A message that comes in meanwhile waits for the lock on its chat, and then finds none.
        """
        async with self._pool.acquire() as connection, connection.transaction():
            rows = await connection.fetch(
                """
                SELECT chat_id FROM chats WHERE user_id = $1 ORDER BY chat_id LIMIT $2 FOR UPDATE
                """,
                user_id,
                CHATS,
            )
            if not rows:
                return 0
            chat_ids = [row["chat_id"] for row in rows]
            running = await cancel_turns(connection, chat_ids)
            if running:
                await self._endings.publish(running, CANCELLED_MESSAGE)
            turns = await connection.fetch(
                "SELECT job_id FROM turns WHERE chat_id = ANY($1::uuid[])", chat_ids
            )
            open_ids = frozenset(running)
            jobs = iter([(str(row["job_id"]), row["job_id"] in open_ids) for row in turns])
            while batch := dict(islice(jobs, JOBS)):
                await erase_jobs(self._redis, batch)
            # Records nobody is left to read; a copy that was sent finds no turn.
            status = await connection.execute(
                "DELETE FROM outbox WHERE topic = $1 AND key = ANY($2::text[])",
                CHAT_TURNS.name,
                [str(chat_id) for chat_id in chat_ids],
            )
            return await delete_chats(connection, chat_ids) + affected(status)
