"""The character schema. Every statement of the domain is here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import asyncpg

from services.character.catalogue import Character
from services.character.changes import Change, Stated, difference
from services.runtime.outbox import Entry, Message, Outbox
from services.runtime.pool import Pool
from streaming.kafka.topics import CHARACTER_CATALOGUE

_STATED: Final = """
SELECT code, name, type, dialog, match, aliases, position, retired, revision
  FROM characters ORDER BY position, code
"""

_WRITE: Final = """
INSERT INTO characters
       (code, name, type, dialog, match, aliases, position, retired, revision)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (code) DO UPDATE SET
    name = excluded.name, type = excluded.type, dialog = excluded.dialog, match = excluded.match,
    aliases = excluded.aliases, position = excluded.position, retired = excluded.retired,
    revision = excluded.revision, updated_at = now()
"""


@dataclass(frozen=True, slots=True)
class Synced:
    """What a synchronisation did, or would do."""

    changes: Sequence[Change]
    revision: int
    stated: Sequence[Stated] = ()
    entries: Sequence[Entry] = ()
    """To be published."""


class CatalogueStore:
    """Reads and writes the catalogue through the domain's pool."""

    def __init__(self, pool: Pool, outbox: Outbox) -> None:
        self._pool = pool
        self._outbox = outbox

    async def stated(self) -> list[Stated]:
        """Every character, retired ones included; none before the first synchronisation."""
        return await _stated(self._pool)

    async def sync(
        self, wanted: Sequence[Character], *, dry_run: bool = False, only_first: bool = False
    ) -> Synced:
        """Make the catalogue what is wanted, and write the news of it with it.

        `wanted` must keep the catalogue's rules. One synchronisation at a time; one without
        changes leaves everything, the revision included, as it is. `only_first` does nothing to a
        catalogue that was ever written.
        """
        async with self._pool.acquire() as connection, connection.transaction():
            revision: int = await connection.fetchval("SELECT revision FROM catalogue FOR UPDATE")
            if only_first and revision:
                return Synced((), revision)
            known = {each.character.code: each for each in await _stated(connection)}
            changes, stated = difference(known, wanted, revision + 1)
            if not changes or dry_run:
                return Synced(changes, revision)
            await connection.execute("UPDATE catalogue SET revision = $1", revision + 1)
            await connection.executemany(_WRITE, list(map(_row, stated)))
            entries = await self._outbox.add(connection, list(map(_news, stated)))
            return Synced(changes, revision + 1, stated, entries)

    async def state_again(self, connection: asyncpg.Connection, codes: set[str]) -> list[Entry]:
        """Write news of characters as they are, unless news is on its way as it is."""
        async with connection.transaction():
            await connection.fetchval("SELECT revision FROM catalogue FOR UPDATE")
            if await connection.fetchval("SELECT EXISTS (SELECT FROM outbox)"):
                return []
            again = [each for each in await _stated(connection) if each.character.code in codes]
            return await self._outbox.add(connection, list(map(_news, again)))


async def _stated(database: Pool | asyncpg.Connection) -> list[Stated]:
    return [
        Stated(
            Character(
                row["code"],
                row["name"],
                row["type"],
                row["dialog"],
                row["match"],
                tuple(row["aliases"]),
            ),
            row["position"],
            row["retired"],
            row["revision"],
        )
        for row in await database.fetch(_STATED)
    ]


def _row(stated: Stated) -> tuple[object, ...]:
    character = stated.character
    return (
        character.code,
        character.name,
        character.type,
        character.dialog,
        character.match,
        list(character.aliases),
        stated.position,
        stated.retired,
        stated.revision,
    )


def _news(stated: Stated) -> Message:
    return Message(
        CHARACTER_CATALOGUE.name, stated.character.code, stated.message().SerializeToString()
    )
