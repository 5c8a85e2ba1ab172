"""The schema ``location``, as it is read. Every reading statement of the domain is here."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Final

import asyncpg

from services.location import geo
from services.location.geo import Point

_SHOWN: Final = (
    "id, name, source, road_address, latitude, longitude, store_category, pickup_categories, "
    "phone, hours"
)
"""Columns of a place in a list."""

_CENTRE: Final = "cube(ARRAY[$1, $2, $3]::float8[])"

CANDIDATES: Final = 2000
"""Places that match words, of which the best are picked; a word that stands in more is no
criterion, and sorting all of them would take long."""

LEAST_LETTERS: Final = 3
"""Below this there is no trigram to look up."""

ALIKE: Final = 0.55
"""Least word similarity (pg_trgm, 0 to 1) of words with mistakes. Over letters, one wrong letter in
a word of four blocks leaves about 0.6; unrelated words stay below 0.4."""


@cache
def _nearest(*filters: str) -> str:
    """The query: what lies in the box around the sphere's cap, nearest first by the index.

    `filters` are conditions with a ``{}`` for the number of their argument.
    """
    conditions = "".join(f" AND {each.format(f'${n}')}" for n, each in enumerate(filters, start=6))
    return f"""
        SELECT {_SHOWN}, position <-> {_CENTRE} AS chord FROM places
         WHERE position <@ cube_enlarge({_CENTRE}, $4, 3)
           AND position <-> {_CENTRE} <= $4{conditions}
         ORDER BY position <-> {_CENTRE} LIMIT $5
        """  # noqa: S608 - constants


_CONTAINING: Final = f"""
    SELECT {_SHOWN} FROM (
        SELECT *, split_part(letters, E'\\n', 1) AS called
          FROM places WHERE letters LIKE ALL ($1::text[]) LIMIT {CANDIDATES}
    ) AS found
     ORDER BY called = $2 DESC, starts_with(called, $2) DESC, strpos(called, $2) > 0 DESC,
              similarity(called, $2) DESC, id
     LIMIT $3
    """  # noqa: S608 - constants

_BEGINNING: Final = f"""
    SELECT {_SHOWN} FROM places WHERE letters LIKE $1 ORDER BY letters, id LIMIT $2
    """  # noqa: S608 - constants

_ALIKE: Final = f"""
    SELECT {_SHOWN} FROM places WHERE $1 <% letters
     ORDER BY word_similarity($1, letters) DESC,
              similarity(split_part(letters, E'\\n', 1), $1) DESC, id
     LIMIT $2
    """  # noqa: S608 - constants

_DETAIL: Final = """
    SELECT id, name, source, road_address, lot_address, latitude, longitude, store_category,
           pickup_categories, phone, collection_items, introduction
      FROM places WHERE id = $1
    """


class PlaceStore:
    """Finds places through the domain's pool."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def nearest(
        self,
        centre: Point,
        *,
        radius_m: float,
        limit: int,
        stores: Sequence[str] = (),
        pickups: Sequence[str] = (),
        letters: str = "",
    ) -> list[asyncpg.Record]:
        """Places within a radius, nearest first, each with its ``chord`` from the centre.

        `stores`, `pickups` and the words of `letters` narrow the places down before the limit;
        empty ones do not.
        """
        wanted: list[tuple[str, list[str]]] = [
            ("store_category = ANY({})", list(stores)),
            ("pickup_categories && {}", list(pickups)),
            ("letters LIKE ALL ({}::text[])", _patterns(letters)),
        ]
        filters = [(condition, values) for condition, values in wanted if values]
        rows: list[asyncpg.Record] = await self._pool.fetch(
            _nearest(*(condition for condition, _ in filters)),
            *geo.on_unit_sphere(centre),
            geo.chord(radius_m),
            limit,
            *(values for _, values in filters),
        )
        return rows

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
