"""The images schema: uploads and what became of them. Every statement of the domain is here."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg

from services.runtime.cursor import Cursor
from services.runtime.pool import Pool


@dataclass(frozen=True, slots=True)
class Upload:
    """An upload that was handed out."""

    key: str
    channel: str
    uploader_id: str
    """UUID; empty for an object that was found in the bucket."""
    content_type: str
    metadata: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ImageRow:
    """A picture in the list of a user."""

    id: uuid.UUID
    key: str
    channel: str
    content_type: str
    created_at: datetime


class UploadStore:
    """Reads and writes uploads through the domain's pool."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def create(self, upload: Upload, *, seconds: int) -> None:
        """Record a presigned upload that is pending for so many seconds."""
        await self._pool.execute(
            """
            INSERT INTO uploads (key, channel, uploader_id, content_type, metadata, expires_at)
            VALUES ($1, $2, $3, $4, $5, now() + make_interval(secs => $6))
            """,
            upload.key,
            upload.channel,
            uuid.UUID(upload.uploader_id),
            upload.content_type,
            json.dumps(upload.metadata, ensure_ascii=False),
            float(seconds),
        )

    async def pending(self, key: str) -> Upload | None:
        """The upload of that key, while it can be finalized."""
        row = await self._pool.fetchrow(
            """
            SELECT key, channel, uploader_id, content_type, metadata FROM uploads
             WHERE key = $1 AND state = 'pending' AND expires_at > now()
            """,
            key,
        )
        if row is None:
            return None
        return Upload(
            row["key"],
            row["channel"],
            "" if row["uploader_id"] is None else str(row["uploader_id"]),
            row["content_type"],
            json.loads(row["metadata"]),
        )

    async def begin(
        self,
        key: str,
        channel: str,
        uploader_id: uuid.UUID | None,
        content_type: str,
        *,
        seconds: int,
    ) -> str | None:
        """Record that a picture of known content is about to be stored within so many seconds.

        The state it is in now: ``pending``, or ``finalized`` when it is stored already; None while
        it is being deleted.
        """
        state: str | None = await self._pool.fetchval(
            """
            INSERT INTO uploads (key, channel, uploader_id, content_type, expires_at)
            VALUES ($1, $2, $3, $4, now() + make_interval(secs => $5))
            ON CONFLICT (key) DO UPDATE
                SET state = CASE WHEN uploads.state = 'finalized' THEN 'finalized'
                                 ELSE 'pending' END,
                    expires_at = excluded.expires_at
                WHERE uploads.state <> 'swept'
            RETURNING state
            """,
            key,
            channel,
            uploader_id,
            content_type,
            float(seconds),
        )
        return state

    async def finalize(self, key: str, etag: str, content_type: str) -> bool:
        """Turn a pending upload into a finalized one; False when it was no longer pending."""
        done = await self._pool.fetchval(
            """
            UPDATE uploads SET state = 'finalized', etag = $2, content_type = $3,
                               finalized_at = now()
             WHERE key = $1 AND state = 'pending' AND expires_at > now()
            RETURNING true
            """,
            key,
            etag,
            content_type,
        )
        return bool(done)

    async def images_of(
        self, uploader_id: uuid.UUID, channel: str | None, after: Cursor | None, limit: int
    ) -> list[ImageRow]:
        """Pictures of a user that were confirmed or used, newest first, after the cursor."""
        where = ""
        arguments: list[object] = [uploader_id, channel, limit]
        if after is not None:
            where = "AND (created_at, id) < ($4, $5)"
            arguments += [after.created_at, after.row_id]
        rows = await self._pool.fetch(
            "SELECT id, key, channel, content_type, created_at FROM uploads "  # noqa: S608
            "WHERE uploader_id = $1 AND (state = 'finalized' OR used_at IS NOT NULL) "
            f"AND ($2::text IS NULL OR channel = $2) {where} "
            "ORDER BY created_at DESC, id DESC LIMIT $3",
            *arguments,
        )
        return [ImageRow(*row) for row in rows]

    async def use(self, key: str, channel: str, content_type: str) -> bool:
        """Note that an object is in use, so that it is kept; False when it is being deleted.

        An object without a record (the bucket is older than this database) gets one.
        """
        state = await self._pool.fetchval(
            """
            INSERT INTO uploads (key, channel, content_type, state, expires_at, used_at)
            VALUES ($1, $2, $3, 'expired', now(), now())
            ON CONFLICT (key) DO UPDATE
                SET used_at = CASE WHEN uploads.state <> 'swept' THEN now() END,
                    content_type = excluded.content_type
                WHERE uploads.used_at IS NULL
            RETURNING state
            """,
            key,
            channel,
            content_type,
        )
        return bool(state != "swept")

    async def claim_of(self, uploader_id: uuid.UUID, limit: int) -> list[str]:
        """Claim uploads of a user for deletion, those in use included; also what was claimed before
        and not yet forgotten.
        """
        rows = await self._pool.fetch(
            """
            UPDATE uploads SET state = 'swept', used_at = NULL
             WHERE key IN (SELECT key FROM uploads WHERE uploader_id = $1 ORDER BY key LIMIT $2)
            RETURNING key
            """,
            uploader_id,
            limit,
        )
        return [row["key"] for row in rows]

    async def forget(self, keys: Sequence[str]) -> None:
        """Drop the records of objects that have been deleted."""
        await forget(self._pool, keys)


async def expire(connection: asyncpg.Connection, limit: int) -> int:
    """Expire pending uploads whose time is over; how many."""
    rows = await connection.fetch(
        """
        UPDATE uploads SET state = 'expired'
         WHERE key IN (SELECT key FROM uploads WHERE state = 'pending' AND expires_at <= now()
                        ORDER BY expires_at LIMIT $1 FOR UPDATE SKIP LOCKED)
        RETURNING key
        """,
        limit,
    )
    return len(rows)


async def claim_unused(
    connection: asyncpg.Connection, grace_seconds: float, limit: int
) -> list[str]:
    """Claim uploads for deletion that expired long enough ago and that nothing uses.

    Also returns what was claimed before and not yet forgotten (a deletion that failed).
    """
    await connection.execute(
        """
        UPDATE uploads SET state = 'swept'
         WHERE key IN (SELECT key FROM uploads
                        WHERE state = 'expired' AND used_at IS NULL
                          AND expires_at <= now() - make_interval(secs => $1)
                        ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED)
           AND state = 'expired' AND used_at IS NULL
        """,
        grace_seconds,
        limit,
    )
    rows = await connection.fetch("SELECT key FROM uploads WHERE state = 'swept' LIMIT $1", limit)
    return [row["key"] for row in rows]


async def forget(database: Pool | asyncpg.Connection, keys: Sequence[str]) -> None:
    """Drop the records of objects that have been deleted."""
    await database.execute(
        "DELETE FROM uploads WHERE key = ANY($1::text[]) AND state = 'swept'", keys
    )


async def claim_unknown(
    connection: asyncpg.Connection, keys: Mapping[str, str], default_content_type: str
) -> list[str]:
    """Claim those of the stored objects (key to channel) that have no record, for deletion."""
    rows = await connection.fetch(
        """
        INSERT INTO uploads (key, channel, content_type, state, expires_at)
        SELECT key, channel, $3, 'swept', now()
          FROM unnest($1::text[], $2::text[]) AS found (key, channel)
        ON CONFLICT (key) DO NOTHING
        RETURNING key
        """,
        list(keys),
        list(keys.values()),
        default_content_type,
    )
    return [row["key"] for row in rows]
