"""The schema ``location``, as it is written: rows of an import are staged, then taken over at once.

Nothing of an import is seen before it is committed, and a failed one leaves nothing behind but
staged rows, which the next commit clears away.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import asyncpg
from eco2.location.v1 import imported_place_pb2 as place_pb

from services.location import entries, filing, geo, wording
from services.location.geo import Point
from services.location.opening import Hours

_COLUMNS: Final = (
    "source", "source_pk", "name", "road_address", "lot_address", "latitude", "longitude",
    "store_category", "pickup_categories", "phone", "hours", "collection_items", "introduction",
    "letters", "shown",
)  # fmt: skip
_VALUES: Final = _COLUMNS[2:]
"""Columns that a later import may change."""

_LIST: Final = ", ".join(_COLUMNS)
_STAGED: Final = ", ".join(f"staged.{name}" for name in _VALUES)
_PLACED: Final = ", ".join(f"places.{name}" for name in _VALUES)

COMMIT_SECONDS: Final = 280.0
"""Below the deadline of CommitImport, so that the database ends first."""

_STAGE: Final = """
    INSERT INTO staged_places (import_id, source, line, source_pk, name, road_address, lot_address,
                               latitude, longitude, store_category, pickup_categories, phone, hours,
                               collection_items, introduction, letters, shown, keys, takes,
                               cell)
    SELECT $1, $2, line, source_pk, name, road_address, lot_address, latitude, longitude,
           store_category, string_to_array(pickups, ','), phone, hours, collection_items,
           introduction, letters, shown, string_to_array(keys, ',')::smallint[], takes, cell
      FROM unnest($3::integer[], $4::text[], $5::text[], $6::text[], $7::text[], $8::float8[],
                  $9::float8[], $10::text[], $11::text[], $12::text[], $13::text[], $14::text[],
                  $15::text[], $16::text[], $17::bytea[], $18::text[], $19::smallint[],
                  $20::integer[])
        AS row (line, source_pk, name, road_address, lot_address, latitude, longitude,
                store_category, pickups, phone, hours, collection_items, introduction, letters,
                shown, keys, takes, cell)
    ON CONFLICT (import_id, source_pk) DO NOTHING
    """

_REPEATED: Final = """
    SELECT given.line, staged.line AS first_line
      FROM unnest($2::integer[], $3::text[]) AS given (line, source_pk)
      JOIN staged_places AS staged ON staged.import_id = $1 AND staged.source_pk = given.source_pk
     WHERE staged.line <> given.line ORDER BY given.line
    """

_UPDATE: Final = f"""
    WITH changed AS (
        UPDATE places SET ({", ".join(_VALUES)}, changed_at) = ({_STAGED}, now())
          FROM staged_places AS staged
         WHERE staged.import_id = $1
           AND places.source = staged.source AND places.source_pk = staged.source_pk
           AND ({_PLACED}) IS DISTINCT FROM ({_STAGED})
        RETURNING id
    ), taken_out AS (DELETE FROM filed_places USING changed WHERE place_id = id)
    SELECT count(*) FROM changed
    """  # noqa: S608 - constants

# Looked for first, not left to ON CONFLICT, so that an import of known places uses up no ids.
# Neighbours are put into the same pages, so that a question about some place reads few of them.
_INSERT: Final = f"""
    WITH placed AS (
        INSERT INTO places ({_LIST})
        SELECT {", ".join(f"staged.{name}" for name in _COLUMNS)} FROM staged_places AS staged
         WHERE staged.import_id = $1
           AND NOT EXISTS (SELECT 1 FROM places WHERE places.source = staged.source
                                                  AND places.source_pk = staged.source_pk)
         ORDER BY staged.cell, staged.line
        RETURNING 1
    )
    SELECT count(*) FROM placed
    """  # noqa: S608 - constants

# Places that are new, and those taken out because they have changed.
_FILE: Final = f"""
    INSERT INTO filed_places (place_id, takes, spot)
    SELECT id, staged.takes, point(spot[0] + {filing.STRIP} * key, spot[1])
      FROM staged_places AS staged JOIN places USING (source, source_pk)
     CROSS JOIN unnest(staged.keys) AS key
     WHERE staged.import_id = $1
       AND NOT EXISTS (SELECT 1 FROM filed_places WHERE place_id = id)
     ORDER BY id
    """  # noqa: S608 - constants

_REMOVE: Final = """
    WITH removed AS (
        DELETE FROM places
         WHERE source = (SELECT source FROM staged_places WHERE import_id = $1 LIMIT 1)
           AND NOT EXISTS (SELECT 1 FROM staged_places AS staged
                            WHERE staged.import_id = $1 AND staged.source_pk = places.source_pk)
        RETURNING id
    ), taken_out AS (DELETE FROM filed_places USING removed WHERE place_id = id)
    SELECT count(*) FROM removed
    """

# Rows an hour old belong to an import that was given up.
_CLEAR: Final = """
    DELETE FROM staged_places WHERE import_id = $1 OR staged_at < now() - interval '1 hour'
    """


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a committed import did."""

    inserted: int
    updated: int
    unchanged: int
    removed: int


class IncompleteError(Exception):
    """The import has not as many rows staged as it should."""

    def __init__(self, staged: int) -> None:
        super().__init__(f"{staged} places are staged")
        self.staged = staged


class ImportStore:
    """Stages and commits imports through the domain's pool."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def stage(
        self, import_id: uuid.UUID, source: str, places: Sequence[Any]
    ) -> list[tuple[int, int]]:
        """Stage ImportedPlace messages; (line, first line) of those whose key was there before."""
        columns: list[list[Any]] = [[] for _ in range(18)]
        for place in places:
            for column, value in zip(columns, _row(source, place), strict=True):
                column.append(value)
        lines, keys = columns[0], columns[1]
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(_STAGE, import_id, source, *columns)
            rows = await connection.fetch(_REPEATED, import_id, lines, keys)
        return [(row["line"], row["first_line"]) for row in rows]

    async def commit(self, import_id: uuid.UUID, expected: int, *, remove_missing: bool) -> Outcome:
        """Take the staged rows over, all or none; IncompleteError when their number is another.

        Imports of all sources follow one another (a transaction lock), so that looking for a place
        and inserting it is safe.
        """
        async with self._pool.acquire() as connection, connection.transaction():
            limit = str(int(COMMIT_SECONDS * 1000))
            for setting in ("statement_timeout", "lock_timeout"):
                await connection.execute("SELECT set_config($1, $2, true)", setting, limit)

            async def counted(query: str) -> int:
                return int(await connection.fetchval(query, import_id, timeout=COMMIT_SECONDS))

            await connection.execute(
                "SELECT pg_advisory_xact_lock(hashtext('location.imports'))", timeout=COMMIT_SECONDS
            )
            staged = await connection.fetchval(
                "SELECT count(*) FROM staged_places WHERE import_id = $1", import_id
            )
            if staged != expected:
                raise IncompleteError(staged)
            removed = await counted(_REMOVE) if remove_missing else 0
            updated = await counted(_UPDATE)
            inserted = await counted(_INSERT)
            if updated or inserted:
                await connection.execute(_FILE, import_id, timeout=COMMIT_SECONDS)
            await connection.execute(_CLEAR, import_id, timeout=COMMIT_SECONDS)
        return Outcome(inserted, updated, staged - inserted - updated, removed)

    async def discard(self, import_id: uuid.UUID) -> int:
        """Forget the staged rows of an import; how many there were."""
        status = await self._pool.execute(
            "DELETE FROM staged_places WHERE import_id = $1", import_id
        )
        return int(status.rsplit(" ", 1)[-1])


def _row(source: str, place: Any) -> tuple[Any, ...]:
    """Values of a staged row in the order of the statement, after source and import."""
    road = place.road_address or None
    lot = place.lot_address or None
    hours = place.hours.SerializeToString() if place.HasField("hours") else b""
    keys, takes = _filed(place.store_category, tuple(place.pickup_categories))
    return (
        place.line, place.source_pk, place.name, road, lot, place.latitude, place.longitude,
        place.store_category, ",".join(place.pickup_categories), place.phone or None,
        _hours(hours) if hours else None,
        place.collection_items or None, place.introduction or None,
        wording.searched((place.name, road, lot if lot != road else None)),
        entries.unchanging(source, place),
        keys, takes, geo.cell(Point(place.latitude, place.longitude)),
    )  # fmt: skip


@lru_cache(maxsize=4096)  # places share few sets of hours, and of categories
def _hours(message: bytes) -> str:
    said = place_pb.OpeningHours.FromString(message)
    hours = Hours(tuple(said.days), said.public_holidays, said.closed_from, said.closed_to)
    return hours.encoded()


@lru_cache(maxsize=4096)
def _filed(store: str, pickups: tuple[str, ...]) -> tuple[str, int]:
    """The keys a place is filed under as a comma list, and the bits of what it takes."""
    return ",".join(map(str, filing.numbers(store, pickups))), filing.taking(pickups)
