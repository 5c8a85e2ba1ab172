"""The schema ``location``, as it is read. Every reading statement of the domain is here."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

import asyncpg

from services.location import geo
from services.location.categories import PICKUPS, STORES
from services.location.geo import Point

_SHOWN: Final = (
    "id, name, source, road_address, latitude, longitude, store_category, pickup_categories, "
    "phone, hours"
)
"""Columns of a place in a list."""

MORE: Final = 1.1
"""How many times the places asked for are fetched, before they are put in exact order: Mercator's
order may be wrong among places whose distances differ by less than one in a hundred."""

CANDIDATES: Final = 2000
"""Places that match words, of which the best are picked; a word that stands in more is no
criterion, and sorting all of them would take long."""

LEAST_LETTERS: Final = 3
"""Below this there is no trigram to look up."""

ALIKE: Final = 0.55
"""Least word similarity (pg_trgm, 0 to 1) of words with mistakes. Over letters, one wrong letter in
a word of four blocks leaves about 0.6; unrelated words stay below 0.4."""


@lru_cache(maxsize=512)
def _nearest(stores: tuple[str, ...], pickups: tuple[str, ...], *, words: bool) -> str:
    """The query: what lies in a box, nearest to its middle first.

    Each category has an index of its own (a partial one, hence the literals, which are names of our
    lists); of several categories the ordered answers are merged.
    """
    kinds = [f"store_category = '{_name(name, STORES)}'" for name in stores]
    takes = [f"pickup_categories @> '{{{_name(name, PICKUPS)}}}'" for name in pickups]
    # A place takes many things: one that an earlier branch has is not for the later ones.
    alone = [
        " AND ".join((take, *(f"NOT {other}" for other in takes[:n])))
        for n, take in enumerate(takes)
    ]
    any_take = f"({' OR '.join(takes)})"
    if kinds and takes:
        branches = [f"{kind} AND {any_take}" for kind in kinds]
    else:
        branches = kinds or alone or ["true"]
    around = "spot <@ box(point($1, $2), point($3, $4))"
    matching = " AND letters LIKE ALL ($8::text[])" if words else ""
    ordered = [
        f"(SELECT {_SHOWN}, spot <-> point($5, $6) AS apart FROM places "  # noqa: S608 - names of lists
        f"WHERE {around} AND {branch}{matching} ORDER BY apart LIMIT $7)"
        for branch in branches
    ]
    if len(ordered) == 1:
        return ordered[0]
    return f"{' UNION ALL '.join(ordered)} ORDER BY apart LIMIT $7"


def _name(name: str, allowed: Sequence[str]) -> str:
    """A name of a list, which may stand in a statement; ValueError for anything else."""
    if name not in allowed:
        raise ValueError(f"{name!r} is no category")
    return name


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
    SELECT {_SHOWN} FROM places WHERE left(letters, 20) LIKE $1 ORDER BY left(letters, 20), id
     LIMIT $2
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


class Near(NamedTuple):
    """A place and how far it is."""

    metres: float
    row: asyncpg.Record


def by_distance(
    centre: Point, rows: Iterable[asyncpg.Record], radius_m: float = math.inf
) -> list[Near]:
    """Those of the places that lie within a radius, nearest first."""
    found = [
        Near(geo.distance_m(centre, Point(row["latitude"], row["longitude"])), row) for row in rows
    ]
    near = [each for each in found if each.metres <= radius_m]
    near.sort(key=lambda each: (each.metres, each.row["id"]))
    return near


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
    ) -> list[Near]:
        """Places within a radius, nearest first.

        `stores`, `pickups` and the words of `letters` narrow the places down before the limit;
        empty ones do not.
        """
        words = _patterns(letters)
        rows = await self._pool.fetch(
            _nearest(tuple(stores), tuple(pickups), words=bool(words)),
            *geo.box_around(centre, radius_m),
            *geo.mercator(centre),
            math.ceil(limit * MORE),
            *([words] if words else []),
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
