"""Turns in the chat schema: accepted, remembered, ended. Those that wait: services.chat.waiting."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

import asyncpg
from eco2.chat.v1 import chat_pb2

from services.chat import refusals, result, text
from services.chat.records import record
from services.chat.rows import GET, GET_LOCKED, NOW, TURN, lock_chat, turn_of
from services.chat.state import Event, sources
from services.chat.turn import (
    ASSISTANT,
    USER,
    Memory,
    PastMessage,
    Question,
    Turn,
    message_id,
    position,
)
from services.runtime import idempotency
from services.runtime.idempotency import Claim
from services.runtime.outbox import Entry, Outbox
from services.runtime.pool import Pool

RECENT_INTENTS: Final = 3
"""How many intents of earlier turns a worker is told."""

_NEW_CHAT: Final = """
INSERT INTO chats (chat_id, user_id, hidden, created_at)
VALUES ($1, $2, true, date_trunc('milliseconds', clock_timestamp()))
"""

_ACCEPT: Final = f"""
WITH chat AS (
    UPDATE chats
       SET message_count = message_count + 1, turn_count = turn_count + 1, last_message_at = {NOW}
     WHERE chat_id = $2 AND user_id = $3 AND deleted_at IS NULL AND hidden = $13::boolean
    RETURNING message_count, turn_count, last_message_at
), turn AS (
    INSERT INTO turns (job_id, chat_id, user_id, number, message, image_url, image_key,
                       image_content_type, latitude, longitude, model, traceparent, awaited,
                       created_at, deadline_at)
    SELECT $1::uuid, $2::uuid, $3::uuid, turn_count, $4::text, $5::text, $6::text, $7::text,
           $8::float8, $9::float8, $10::text, $11::text, $13::boolean, last_message_at,
           last_message_at + $12::interval FROM chat
    RETURNING {TURN}
), message AS (
    INSERT INTO messages (message_id, chat_id, job_id, seq, position, role, content, image_url,
                          created_at)
    SELECT $14::uuid, $2::uuid, $1::uuid, message_count, 2 * turn_count - 1, 'user', $4::text,
           nullif($5::text, ''), last_message_at FROM chat
)
SELECT {TURN} FROM turn
"""  # noqa: S608 - constants

_COMPLETE: Final = f"""
WITH chat AS (
    UPDATE chats
       SET message_count = message_count + 1, last_message_at = $3::timestamptz,
           preview = $4::text,
           summary = CASE WHEN $5::text <> '' AND $6::integer > summarised_through
                          THEN $5 ELSE summary END,
           summarised_through = CASE WHEN $5 <> '' THEN greatest($6, summarised_through)
                                     ELSE summarised_through END
     WHERE chat_id = $2::uuid
    RETURNING message_count
), message AS (
    INSERT INTO messages (message_id, chat_id, job_id, seq, position, role, content, intent,
                          metadata, created_at)
    SELECT $7::uuid, $2, $1::uuid, message_count, $8::integer, 'assistant', $9::text, $10::text,
           $11::text, $3 FROM chat
)
UPDATE turns
   SET status = 'completed', result = $12::text, intent = $10, intent_confidence = $13::float8,
       finished_at = now(), waits_until = NULL, parked_state = NULL
 WHERE job_id = $1
RETURNING {TURN}
"""  # noqa: S608 - constants


class Accepted(NamedTuple):
    """A turn that was stored, and what is to be published of it."""

    turn: Turn
    entries: Sequence[Entry]


@dataclass(frozen=True, slots=True)
class Key:
    """The idempotency key of a message, and what it stands for."""

    text: str
    fingerprint: bytes
    ttl: timedelta


class TurnStore:
    """Turns through the domain's pool, their records through its outbox."""

    def __init__(self, pool: Pool, outbox: Outbox) -> None:
        self._pool = pool
        self._outbox = outbox

    async def accept(self, question: Question, lifetime: timedelta) -> Accepted:
        """Store a message and its turn; once this returns they are accepted.

        DomainError CHAT_NOT_FOUND. An awaited question gets a hidden chat of its own.
        """
        async with self._pool.acquire() as connection, connection.transaction():
            return await self._accept(connection, question, lifetime)

    async def first(self, user_id: uuid.UUID, key: Key) -> Claim | None:
        """The submission that used this idempotency key before."""
        return await idempotency.first(self._pool, user_id, key.text, key.ttl)

    async def accept_once(
        self, question: Question, lifetime: timedelta, key: Key
    ) -> Accepted | Claim:
        """As :meth:`accept`, unless the key is taken: then the submission that has it.

        A message that is refused leaves the key free.
        """
        made = Claim(question.job_id, key.fingerprint)
        while True:
            async with self._pool.acquire() as connection, connection.transaction():
                now = datetime.now(UTC)
                if await idempotency.claim(
                    connection, question.user_id, key.text, made, now, key.ttl
                ):
                    return await self._accept(connection, question, lifetime)
            known = await self.first(question.user_id, key)
            if known is not None:
                return known
            # it ran out between the two statements

    async def _accept(
        self, connection: asyncpg.Connection, question: Question, lifetime: timedelta
    ) -> Accepted:
        if question.awaited:
            await connection.execute(_NEW_CHAT, question.chat_id, question.user_id)
        picture, place = question.picture, question.place
        row = await connection.fetchrow(
            _ACCEPT,
            question.job_id,
            question.chat_id,
            question.user_id,
            question.message,
            picture.url,
            picture.key,
            picture.content_type,
            None if place is None else place.latitude,
            None if place is None else place.longitude,
            question.model,
            question.traceparent,
            lifetime,
            question.awaited,
            message_id(question.job_id, USER),
        )
        turn = turn_of(row)
        if turn is None:
            raise refusals.chat_not_found(str(question.chat_id))
        return Accepted(turn, await self._outbox.add(connection, [record(turn)]))

    async def get(self, job_id: uuid.UUID) -> Turn | None:
        """A turn, whoever owns it."""
        return turn_of(await self._pool.fetchrow(GET, job_id))

    async def memory(self, turn: Turn, most: int) -> Memory | None:
        """What came before a turn: at most so many messages, and the summary of older ones.

        Turns that were accepted later are left out, whatever of them is stored by now. None when
        the chat has been erased.
        """
        async with self._pool.acquire() as connection:
            chat = await connection.fetchrow(
                "SELECT summary, summarised_through FROM chats WHERE chat_id = $1", turn.chat_id
            )
            if chat is None:
                return None
            rows = await connection.fetch(
                """
                SELECT role, content, image_url, intent, position FROM messages
                 WHERE chat_id = $1 AND position > $2 AND position < $3
                 ORDER BY position DESC LIMIT $4
                """,
                turn.chat_id,
                chat["summarised_through"],
                position(turn.number, USER),
                most,
            )
            intents = await connection.fetch(
                """
                SELECT intent, intent_confidence FROM turns
                 WHERE chat_id = $1 AND number < $2 AND status = 'completed'
                 ORDER BY number DESC LIMIT $3
                """,
                turn.chat_id,
                turn.number,
                RECENT_INTENTS,
            )
        return Memory(
            [PastMessage(*row) for row in reversed(rows)],
            chat["summary"],
            chat["summarised_through"],
            [row["intent"] for row in intents],
            intents[0]["intent_confidence"] if intents else None,
        )

    async def complete(self, job_id: uuid.UUID, answer: chat_pb2.AssistantAnswer) -> Turn | None:
        """Store the answer of a turn; None when it has ended already or does not exist.

        DomainError VALIDATION_FAILED for metadata that are no JSON object.
        """
        metadata = result.metadata_of(answer.metadata_json)
        async with self._pool.acquire() as connection, connection.transaction():
            now = await lock_chat(connection, job_id)
            turn = turn_of(await connection.fetchrow(GET_LOCKED, job_id))
            if turn is None or turn.status not in sources(Event.COMPLETE):
                return None
            for field in ("content", "intent", "summary"):
                setattr(answer, field, text.storable(getattr(answer, field)))
            return turn_of(
                await connection.fetchrow(
                    _COMPLETE,
                    job_id,
                    turn.chat_id,
                    now,
                    text.preview(answer.content),
                    answer.summary,
                    answer.summarised_messages,
                    message_id(job_id, ASSISTANT),
                    position(turn.number, ASSISTANT),
                    answer.content,
                    answer.intent,
                    json.dumps(metadata, ensure_ascii=False) if metadata else None,
                    result.completed(turn, answer, metadata, now),
                    answer.intent_confidence if answer.HasField("intent_confidence") else None,
                )
            )

    async def fail(self, job_id: uuid.UUID, reason: str, message: str = "") -> Turn | None:
        """End a turn with a reason; None when it has ended already or does not exist."""
        return turn_of(
            await self._pool.fetchrow(
                f"""
                UPDATE turns SET status = 'failed', error_reason = $2, finished_at = now(),
                       error_message = nullif($3, ''), waits_until = NULL, parked_state = NULL
                 WHERE job_id = $1 AND status = ANY($4::text[])
                RETURNING {TURN}
                """,  # noqa: S608 - constants
                job_id,
                reason,
                text.storable(message),
                sources(Event.FAIL),
            )
        )

    async def cancel(self, job_id: uuid.UUID) -> bool:
        """Cancel a turn; False when it has ended already or does not exist."""
        done = await self._pool.fetchval(
            """
            UPDATE turns SET status = 'cancelled', finished_at = now(), waits_until = NULL,
                             parked_state = NULL
             WHERE job_id = $1 AND status = ANY($2::text[]) RETURNING true
            """,
            job_id,
            sources(Event.CANCEL),
        )
        return bool(done)
