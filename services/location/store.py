"""The schema ``location``, as it is read. Every reading statement of the domain is here."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import cache
from itertools import chain
from typing import Final

import asyncpg

from services.location import filing, geo
from services.location.geo import Point
from services.runtime.pool import Pool

_SHOWN: Final = "id, latitude, longitude, hours, shown"
"""Columns of a place in a list."""

_FOUND: Final = f"{_SHOWN}, name, road_address"
"""Columns of a place that words have found."""

MORE: Final = 1.03
"""How many times the places asked for are fetched, before they are put in exact order: within 50 km
distances on Mercator's projection are wrong by up to 0.6 %, and of evenly spread places 1.2 % more
lie within a radius that is 0.6 % longer."""

CANDIDATES: Final = 2000
"""Places that match words, of which the best are picked; a word that stands in more is no
criterion, and sorting all of them would take long."""

LEAST_LETTERS: Final = 3
"""Below this there is no trigram to look up."""

ALIKE: Final = 0.55
"""Least word similarity (pg_trgm, 0 to 1) of words with mistakes. Over letters, one wrong letter in
a word of four blocks leaves about 0.6; unrelated words stay below 0.4."""


_NEAREST: Final = f"""
    SELECT {_SHOWN} FROM places
     WHERE spot <@ box(point($3, $4), point($5, $6))
     ORDER BY spot <-> point($1, $2) LIMIT $7
    """  # noqa: S608 - constants

_NEAREST_WITH_WORDS: Final = f"""
    SELECT {_SHOWN} FROM places
     WHERE spot <@ box(point($3, $4), point($5, $6)) AND letters LIKE ALL ($8::text[])
     ORDER BY spot <-> point($1, $2) LIMIT $7
    """  # noqa: S608 - constants


@cache
def _nearest_filed(keys: int) -> str:
    """The nearest filed under any of so many keys.

    The branches, one a key, are in order and are merged: of all together hardly more is read than
    what is asked for. (Of ``takes`` is asked that none is above zero, not that all are zero,
    because PostgreSQL takes the latter for so rare that it would rather sort all there is.)
    """
    branches = " UNION ALL ".join(
        f"""
        (SELECT place_id, spot <-> point($1 + ${aside}::float8, $2) AS apart FROM filed_places
          WHERE spot <@ box(point($3 + ${aside}, $4), point($5 + ${aside}, $6))
            AND (takes & ${aside + 1}::integer) < 1
          ORDER BY apart LIMIT $7)"""  # noqa: S608 - constants
        for aside in range(8, 8 + 2 * keys, 2)
    )
    return f"""
        SELECT {_SHOWN}
          FROM (SELECT place_id FROM ({branches}) AS filed ORDER BY apart LIMIT $7) AS nearest
          JOIN places ON id = place_id
        """  # noqa: S608 - constants


_CONTAINING: Final = f"""
    SELECT {_FOUND} FROM (
        SELECT *, split_part(letters, E'\\n', 1) AS called
          FROM places WHERE letters LIKE ALL ($1::text[]) LIMIT {CANDIDATES}
    ) AS found
     ORDER BY called = $2 DESC, starts_with(called, $2) DESC, strpos(called, $2) > 0 DESC,
              similarity(called, $2) DESC, id
     LIMIT $3
    """  # noqa: S608 - constants

_BEGINNING: Final = f"""
    SELECT {_FOUND} FROM places WHERE left(letters, 20) LIKE $1 ORDER BY left(letters, 20), id
     LIMIT $2
    """  # noqa: S608 - constants

_ALIKE: Final = f"""
    SELECT {_FOUND} FROM places WHERE $1 <% letters
     ORDER BY word_similarity($1, letters) DESC,
              similarity(split_part(letters, E'\\n', 1), $1) DESC, id
     LIMIT $2
    """  # noqa: S608 - constants

_DETAIL: Final = """
    SELECT id, name, source, road_address, lot_address, latitude, longitude, store_category,
           pickup_categories, phone, collection_items, introduction
      FROM places WHERE id = $1
    """


Near = tuple[float, int, asyncpg.Record]
"""A place: how many metres it is away, its id and its row. Not a class, because 200 of those cost a
tenth of a millisecond."""


def by_distance(
    centre: Point, rows: Iterable[asyncpg.Record], radius_m: float = math.inf
) -> list[Near]:
    """Those of the places that lie within a radius, nearest first."""
    metres_to = geo.distances_from(centre)
    near = [
        (metres, row["id"], row)
        for row in rows
        if (metres := metres_to(row["latitude"], row["longitude"])) <= radius_m
    ]
    near.sort()  # ids differ
    return near


class PlaceStore:
    """Finds places through the domain's pool."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def nearest(
        self,
        centre: Point,
        *,
        radius_m: float,
        limit: int,
        stores: Sequence[str] = (),
        pickups: Sequence[str] = (),
    ) -> list[Near]:
        """Places within a radius, nearest first.

        `stores` and `pickups` narrow the places down before the limit; empty ones do not.
        """
        around = (
            *geo.mercator(centre),
            *geo.box_around(centre, radius_m),
            math.ceil(limit * MORE),
        )
        if stores or pickups:
            keys = tuple(filing.keys(stores, pickups))
            rows = await self._pool.fetch(_nearest_filed(len(keys)), *around, *chain(*keys))
        else:
            rows = await self._pool.fetch(_NEAREST, *around)
        return by_distance(centre, rows, radius_m)[:limit]

    async def nearest_with(
        self, letters: str, centre: Point, *, radius_m: float, limit: int
    ) -> list[Near]:
        """Places within a radius whose name or address has all the words, nearest first."""
        rows = await self._pool.fetch(
            _NEAREST_WITH_WORDS,
            *geo.mercator(centre),
            *geo.box_around(centre, radius_m),
            math.ceil(limit * MORE),
            _patterns(letters),
        )
        return by_distance(centre, rows, radius_m)[:limit]

    async def containing(self, letters: str, limit: int) -> list[asyncpg.Record]:
        """Places whose name or address has all the words, best first.

        `letters` is what :func:`services.location.wording.letters` makes of the words. The best
        are called so, then begin so, then have it in the name. Very few letters are looked for at
        the beginning of names only.
        """
        rows: list[asyncpg.Record]
        if len(letters.replace(" ", "")) < LEAST_LETTERS:
            rows = await self._pool.fetch(_BEGINNING, f"{letters}%", limit)
        else:
            rows = await self._pool.fetch(_CONTAINING, _patterns(letters), letters, limit)
        return rows

    async def similar(self, letters: str, limit: int) -> list[asyncpg.Record]:
        """Places whose name or address has something like the words, most alike first."""
        async with self._pool.acquire() as connection, connection.transaction(readonly=True):
            await connection.execute(f"SET LOCAL pg_trgm.word_similarity_threshold = {ALIKE}")
            rows: list[asyncpg.Record] = await connection.fetch(_ALIKE, letters, limit)
        return rows

    async def detail(self, place_id: int) -> asyncpg.Record | None:
        """One place with all that is known of it."""
        return await self._pool.fetchrow(_DETAIL, place_id)


def _patterns(letters: str) -> list[str]:
    """LIKE patterns of the words; letters() leaves nothing in them that LIKE takes for a sign."""
    return [f"%{word}%" for word in letters.split()]
