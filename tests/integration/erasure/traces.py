"""Looks for texts in everything that is stored."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from contextlib import suppress

import asyncpg
from redis.asyncio import Redis

_TABLES = """
SELECT format('%I.%I', table_schema, table_name) FROM information_schema.tables
 WHERE table_type = 'BASE TABLE' AND table_schema NOT IN ('pg_catalog', 'information_schema')
 ORDER BY 1
"""


async def in_tables(database: asyncpg.Connection, texts: Iterable[str]) -> dict[str, list[str]]:
    """Tables of any schema with a row that holds one of the texts in any column, and which.

    A row is read as text; binary columns are seen in it as hexadecimal digits.
    """
    found: dict[str, list[str]] = {}
    wanted = {text: _spellings(text) for text in texts}
    for (table,) in await database.fetch(_TABLES):
        for text, spellings in wanted.items():
            if await database.fetchval(
                f"SELECT EXISTS (SELECT FROM {table} AS t WHERE t::text LIKE ANY ($1::text[]))",  # noqa: S608
                [f"%{spelling}%" for spelling in spellings],
            ):
                found.setdefault(table, []).append(text)
    return found


def _spellings(text: str) -> list[str]:
    spellings = [text, text.encode().hex()]
    with suppress(ValueError):
        spellings.append(uuid.UUID(text).hex)
    return spellings


async def in_redis(redis: Redis, texts: Iterable[str]) -> dict[str, list[str]]:
    """Keys whose name or value holds one of the texts, and which."""
    found: dict[str, list[str]] = {}
    async for key in redis.scan_iter(count=1000):
        content = repr((key, await _value(redis, key)))
        for text in texts:
            if text in content or repr(text.encode())[2:-1] in content:
                found.setdefault(key.decode(), []).append(text)
    return found


async def _value(redis: Redis, key: bytes) -> object:
    kind = await redis.type(key)
    if kind == b"hash":
        return await redis.hgetall(key)
    if kind == b"stream":
        return await redis.xrange(key)
    if kind == b"list":
        return await redis.lrange(key, 0, -1)
    return await redis.get(key)
