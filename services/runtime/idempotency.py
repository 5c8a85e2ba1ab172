"""Repeated submissions: who was first with a key.

A domain that takes keys has a table ``idempotency_keys`` (user_id, key, fingerprint, job_id,
created_at), its primary key the user and the key. A key that has run out counts as unknown, whether
or not it has been purged.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final, NamedTuple

import asyncpg
from eco2.errors.v1.error_reason_pb2 import ErrorReason

from services.runtime import refusals
from services.runtime.errors import DomainError
from services.runtime.pool import Pool

HEADER: Final = "x-idempotency-key"
MAX_LENGTH: Final = 255
"""Longest key; the text is kept as it is for an hour."""

PURGE_BATCH: Final = 5_000
"""Keys deleted at a time."""

CLAIM: Final = """
INSERT INTO idempotency_keys AS known (user_id, key, fingerprint, job_id, created_at)
VALUES ({user_id}, {key}, {fingerprint}, {job_id}, {now})
ON CONFLICT (user_id, key) DO UPDATE
    SET fingerprint = excluded.fingerprint, job_id = excluded.job_id,
        created_at = excluded.created_at
    WHERE known.created_at < {now} - {ttl}::interval
RETURNING job_id
"""
"""Takes a key, with the places of the arguments to be filled in; no row when it is taken. A
concurrent submission with the same key waits here for the first one to commit, and then claims
nothing."""


class Claim(NamedTuple):
    """Who was first with an idempotency key."""

    job_id: uuid.UUID
    fingerprint: bytes


def key_of(metadata: Iterable[tuple[str, str | bytes]] | None) -> str:
    """The key a call carries, empty when it carries none; DomainError for one that is too long."""
    for name, value in metadata or ():
        if name == HEADER:
            key = str(value).strip()
            if len(key) > MAX_LENGTH:
                raise refusals.invalid(HEADER, f"must be at most {MAX_LENGTH} characters")
            return key
    return ""


def same(claim: Claim, print_of_payload: bytes) -> uuid.UUID:
    """The job a repeated submission is answered with; DomainError for another payload."""
    if claim.fingerprint != print_of_payload:
        raise DomainError(
            ErrorReason.ERROR_REASON_IDEMPOTENCY_KEY_REUSED,
            "the idempotency key was used with another payload",
        )
    return claim.job_id


async def first(
    database: Pool | asyncpg.Connection, user_id: uuid.UUID, key: str, ttl: timedelta
) -> Claim | None:
    """The submission that used this key within the last `ttl`."""
    row = await database.fetchrow(
        """
        SELECT job_id, fingerprint FROM idempotency_keys
         WHERE user_id = $1 AND key = $2 AND created_at >= now() - $3::interval
        """,
        user_id,
        key,
        ttl,
    )
    return None if row is None else Claim(row["job_id"], row["fingerprint"])


async def claim(
    connection: asyncpg.Connection,
    user_id: uuid.UUID,
    key: str,
    made: Claim,
    now: datetime,
    ttl: timedelta,
) -> bool:
    """Take a key within the open transaction; False when it is taken."""
    statement = CLAIM.format(
        user_id="$1", key="$2", fingerprint="$3", job_id="$4", now="$5", ttl="$6"
    )
    return (
        await connection.fetchval(statement, user_id, key, made.fingerprint, made.job_id, now, ttl)
        is not None
    )


async def purge(connection: asyncpg.Connection, ttl: timedelta) -> int:
    """Delete keys that have run out; how many."""
    rows = await connection.fetch(
        """
        DELETE FROM idempotency_keys
         WHERE (user_id, key) IN (SELECT user_id, key FROM idempotency_keys
                                   WHERE created_at < now() - $1::interval LIMIT $2)
           AND created_at < now() - $1::interval
        RETURNING 1
        """,
        ttl,
        PURGE_BATCH,
    )
    return len(rows)
