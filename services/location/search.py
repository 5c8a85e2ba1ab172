"""Searching by words: at the map service and around what it finds, else among our own places."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Final

from eco2.location.v1 import location_pb2
from eco2.location.v1 import location_service_pb2 as pb
from prometheus_client import Counter

from services.location import entries, geo, merging, opening, wording
from services.location.kakao import KakaoLocal, KakaoPlace
from services.location.store import PlaceStore, by_distance
from services.runtime import logs
from services.runtime.outbound import OutboundError

log = logs.get(__name__)

MOST_OWN: Final = 50
MOST_SUGGESTIONS: Final = 5
SAME_SPOT_M: Final = 100
"""How far the map service may have a place from where our data have it."""

_AWAY: Final = Counter(
    "location_map_service_away_total", "Calls done without the map service, which failed."
)


class Searcher:
    """Answers Search, SearchAround and Suggest. Without the map service, or while it is away, they
    look through our own places: no search fails because of it.
    """

    def __init__(self, store: PlaceStore, kakao: KakaoLocal | None) -> None:
        self._store = store
        self._kakao = kakao

    async def search(self, words: str, radius_m: int) -> list[location_pb2.LocationEntry]:
        """Places around the best hit, nearest to it first."""
        if self._kakao is not None:
            try:
                anchors = await self._kakao.best(words)
            except OutboundError as error:
                _left_out(error)
            else:
                if anchors:
                    return await self._around(self._kakao, words, anchors[0], radius_m)
        return await self._own(words, radius_m)

    async def around(
        self, words: str, point: geo.Point, *, radius_m: int, limit: int
    ) -> list[location_pb2.LocationEntry]:
        """Places around a point that fit, nearest first: the map service's, else our own."""
        if self._kakao is not None:
            try:
                found = await self._kakao.around(words, point, radius_m, limit)
            except OutboundError as error:
                _left_out(error)
            else:
                if found:
                    theirs = merging.strangers(point, found[:limit], ())
                    return [entries.of_external(each) for each in theirs]
        letters = wording.letters(words)
        if not letters:
            return []
        rows = await self._store.nearest_with(letters, point, radius_m=radius_m, limit=limit)
        return entries.of_nearest(rows, opening.now())

    async def suggest(self, words: str) -> list[pb.Suggestion]:
        """Completions, best first."""
        if self._kakao is not None:
            try:
                found = await self._kakao.best(words, MOST_SUGGESTIONS)
            except OutboundError as error:
                _left_out(error)
            else:
                if found:
                    return [_suggestion(place) for place in found[:MOST_SUGGESTIONS]]
        rows, _ = await self._matching(words, MOST_SUGGESTIONS)
        return [
            pb.Suggestion(
                place_name=row["name"],
                address=row["road_address"],
                latitude=row["latitude"],
                longitude=row["longitude"],
            )
            for row in rows
        ]

    async def at_map_service(self, name: str, point: geo.Point) -> KakaoPlace | None:
        """What the map service has under that name at that point; None when nothing, or away."""
        if self._kakao is None:
            return None
        try:
            found = await self._kakao.around(name, point, SAME_SPOT_M, 1)
        except OutboundError as error:
            _left_out(error)
            return None
        near = (place for place in found if geo.distance_m(place.point, point) <= SAME_SPOT_M)
        return next(near, None)

    async def _around(
        self, kakao: KakaoLocal, words: str, anchor: KakaoPlace, radius_m: int
    ) -> list[location_pb2.LocationEntry]:
        """Our places around an anchor, merged with those of the map service that fit the words."""
        rows, found = await asyncio.gather(
            self._store.nearest(anchor.point, radius_m=radius_m, limit=MOST_OWN),
            self._found(kakao, words, anchor, radius_m),
        )
        others = merging.strangers(
            anchor.point, found, [entries.point_of(row) for _, _, row in rows]
        )
        merged = entries.of_nearest(rows, opening.now())
        merged += [entries.of_external(other) for other in others]
        return sorted(merged, key=lambda entry: entry.distance_km)

    async def _found(
        self, kakao: KakaoLocal, words: str, anchor: KakaoPlace, radius_m: int
    ) -> Sequence[KakaoPlace]:
        try:
            found = await kakao.around(words, anchor.point, radius_m, merging.MOST_EXTERNAL)
        except OutboundError as error:
            _left_out(error)
            return (anchor,)
        return found or (anchor,)

    async def _own(self, words: str, radius_m: int) -> list[location_pb2.LocationEntry]:
        """Our places that fit, within a radius of the one that fits best."""
        rows, exact = await self._matching(words, MOST_OWN)
        if not rows:
            return []
        anchor, minute = entries.point_of(rows[0]), opening.now()
        if exact:
            near = await self._store.nearest_with(
                wording.letters(words), anchor, radius_m=radius_m, limit=MOST_OWN
            )
            return entries.of_nearest(near, minute)
        return entries.of_nearest(by_distance(anchor, rows, radius_m), minute)

    async def _matching(self, words: str, limit: int) -> tuple[Sequence[Any], bool]:
        """Our places that fit the words, and whether they have them as they stand."""
        letters = wording.letters(words)
        if not letters:
            return (), False
        rows = await self._store.containing(letters, limit)
        if rows:
            return rows, True
        return await self._store.similar(letters, limit), False


def _suggestion(place: KakaoPlace) -> pb.Suggestion:
    return pb.Suggestion(
        place_name=place.name,
        address=place.road_address or place.lot_address,
        latitude=place.point.latitude,
        longitude=place.point.longitude,
        place_url=place.url,
    )


def _left_out(error: OutboundError) -> None:
    _AWAY.inc()
    log.repeated("searched without the map service", error=str(error))
