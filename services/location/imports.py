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
from services.location.opening import Hours
from services.runtime.pool import Pool

_COLUMNS: Final = (
    "source", "source_pk", "name", "road_address", "lot_address", "latitude", "longitude",
    "store_category", "pickup_categories", "phone", "hours", "collection_items", "introduction",
    "letters", "shown", "keys", "takes",
)  # fmt: skip
_VALUES: Final = _COLUMNS[2:]
"""Columns that a later import may change."""
_STAGING: Final = ("import_id", "line", *_COLUMNS, "cell")

_LIST: Final = ", ".join(_COLUMNS)
_STAGED: Final = ", ".join(f"staged.{name}" for name in _VALUES)
_PLACED: Final = ", ".join(f"places.{name}" for name in _VALUES)

COMMIT_SECONDS: Final = 280.0
"""Below the deadline of CommitImport, so that the database ends first."""

_COMMIT_MEMORY: Final = "64MB"
"""For sorting what is new and for the list of what goes into the index of trigrams. With 4 MB, the
default, 50,000 places spill to disk and their trigrams take two fifths more time."""

_MEMORY_SETTINGS: Final = ("work_mem", "maintenance_work_mem", "gin_pending_list_limit")

_BATCH: Final = (
    "CREATE TEMPORARY TABLE batch (LIKE staged_places INCLUDING DEFAULTS) ON COMMIT DROP"
)

_STAGE_NEW: Final = f"""
    INSERT INTO staged_places ({", ".join(_STAGING)})
    SELECT {", ".join(_STAGING)} FROM batch ORDER BY line
    ON CONFLICT (import_id, source_pk) DO NOTHING
    """  # noqa: S608 - constants

_REPEATED: Final = """
    SELECT batch.line, staged.line AS first_line
      FROM batch JOIN staged_places AS staged USING (import_id, source_pk)
     WHERE staged.line <> batch.line ORDER BY batch.line
    """

# The spots that places were filed at. A statement sees what was there when it began.
_TAKEN_OUT: Final = f"""
    DELETE FROM filed_places AS filed USING {{places}} AS gone CROSS JOIN unnest(gone.keys) AS key
     WHERE filed.spot ~= point(gone.spot[0] + {filing.STRIP}::float8 * key, gone.spot[1])
       AND filed.place_id = gone.id
    """  # noqa: S608 - constants

_FILED: Final = f"""
    INSERT INTO filed_places (place_id, takes, spot)
    SELECT id, takes, point(spot[0] + {filing.STRIP}::float8 * key, spot[1])
      FROM {{places}} CROSS JOIN unnest(keys) AS key
    """  # noqa: S608 - constants

_UPDATE: Final = f"""
    WITH changed AS (
        UPDATE places SET ({", ".join(_VALUES)}, changed_at) = ({_STAGED}, now())
          FROM staged_places AS staged
         WHERE staged.import_id = $1
           AND places.source = staged.source AND places.source_pk = staged.source_pk
           AND ({_PLACED}) IS DISTINCT FROM ({_STAGED})
        RETURNING id, places.keys, places.takes, spot
    ), moved AS (
        SELECT before.id, before.keys, before.spot
          FROM changed JOIN places AS before USING (id)
         WHERE before.keys <> changed.keys
            OR before.spot[0] <> changed.spot[0] OR before.spot[1] <> changed.spot[1]
    ), taken_out AS ({_TAKEN_OUT.format(places="moved")}
    ), filed AS ({_FILED.format(places="changed")} WHERE id IN (SELECT id FROM moved)
    )
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
        RETURNING id, keys, takes, spot
    ), filed AS ({_FILED.format(places="placed")})
    SELECT count(*) FROM placed
    """  # noqa: S608 - constants

_REMOVE: Final = f"""
    WITH removed AS (
        DELETE FROM places
         WHERE source = (SELECT source FROM staged_places WHERE import_id = $1 LIMIT 1)
           AND NOT EXISTS (SELECT 1 FROM staged_places AS staged
                            WHERE staged.import_id = $1 AND staged.source_pk = places.source_pk)
        RETURNING id, keys, spot
    ), taken_out AS ({_TAKEN_OUT.format(places="removed")})
    SELECT count(*) FROM removed
    """  # noqa: S608 - constants

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

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def stage(
        self, import_id: uuid.UUID, source: str, places: Sequence[Any]
    ) -> list[tuple[int, int]]:
        """Stage ImportedPlace messages; (line, first line) of those whose key was there before."""
        rows = [_row(import_id, source, place) for place in places]
        async with self._pool.acquire() as connection:
            try:
                await _copy(connection, "staged_places", rows)
            except asyncpg.UniqueViolationError:  # nothing was staged
                return await _stage_new(connection, rows)
        return []

    async def commit(self, import_id: uuid.UUID, expected: int, *, remove_missing: bool) -> Outcome:
        """Take the staged rows over, all or none; IncompleteError when their number is another.

        Imports of all sources follow one another (a transaction lock), so that looking for a place
        and inserting it is safe.
        """
        async with self._pool.acquire() as connection, connection.transaction():
            limit = str(int(COMMIT_SECONDS * 1000))
            settings = {
                **dict.fromkeys(("statement_timeout", "lock_timeout"), limit),
                **dict.fromkeys(_MEMORY_SETTINGS, _COMMIT_MEMORY),
            }
            for name, value in settings.items():
                await connection.execute("SELECT set_config($1, $2, true)", name, value)

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
                await connection.execute("SELECT sort_in_letters()", timeout=COMMIT_SECONDS)
            await connection.execute(_CLEAR, import_id, timeout=COMMIT_SECONDS)
        return Outcome(inserted, updated, staged - inserted - updated, removed)

    async def discard(self, import_id: uuid.UUID) -> int:
        """Forget the staged rows of an import; how many there were."""
        status = await self._pool.execute(
            "DELETE FROM staged_places WHERE import_id = $1", import_id
        )
        return int(status.rsplit(" ", 1)[-1])


async def _copy(connection: asyncpg.Connection, table: str, rows: Sequence[Sequence[Any]]) -> None:
    await connection.copy_records_to_table(table, records=rows, columns=_STAGING)


async def _stage_new(
    connection: asyncpg.Connection, rows: Sequence[Sequence[Any]]
) -> list[tuple[int, int]]:
    """Stage those rows whose keys are new; (line, first line) of the others."""
    async with connection.transaction():
        await connection.execute(_BATCH)
        await _copy(connection, "batch", rows)
        await connection.execute(_STAGE_NEW)
        repeated = await connection.fetch(_REPEATED)
    return [(row["line"], row["first_line"]) for row in repeated]


def _row(import_id: uuid.UUID, source: str, place: Any) -> tuple[Any, ...]:
    """A row to stage; the values of :data:`_STAGING`."""
    name, store, pickups = place.name, place.store_category, tuple(place.pickup_categories)
    road, lot = place.road_address or None, place.lot_address or None
    latitude, longitude = place.latitude, place.longitude
    hours = _hours(place.hours.SerializeToString()) if place.HasField("hours") else None
    keys, takes = _filed(store, pickups)
    return (
        import_id, place.line, source, place.source_pk, name, road, lot, latitude, longitude,
        store, pickups, place.phone or None,
        hours, place.collection_items or None, place.introduction or None,
        wording.searched((name, road, lot if lot != road else None)),
        entries.unchanging(source, place, pickups), keys, takes,
        geo.cell(latitude, longitude),
    )  # fmt: skip


@lru_cache(maxsize=4096)  # places share few sets of hours, and of categories
def _hours(message: bytes) -> str:
    said = place_pb.OpeningHours.FromString(message)
    hours = Hours(tuple(said.days), said.public_holidays, said.closed_from, said.closed_to)
    return hours.encoded()


@lru_cache(maxsize=4096)
def _filed(store: str, pickups: tuple[str, ...]) -> tuple[list[int], int]:
    """The keys a place is filed under, and the bits of what it takes."""
    return filing.numbers(store, pickups), filing.taking(pickups)
