"""Places of the map service among our own. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Generic, Protocol, TypeVar

from services.location.geo import Point, distance_m

SAME_PLACE_M: Final = 50.0
"""A place of the map service that close to one of ours is taken for the same."""
MOST_EXTERNAL: Final = 10
"""How many of its places an answer has at the most."""


class Located(Protocol):
    """Something that is somewhere."""

    @property
    def point(self) -> Point:
        """Where."""
        ...


P = TypeVar("P", bound=Located)


@dataclass(frozen=True, slots=True)
class External(Generic[P]):
    """A place of the map service in one answer."""

    place: P
    metres: float
    """From the middle of the search."""
    id: int
    """-1, -2, … within the answer, nearest first."""


def strangers(centre: Point, found: Iterable[P], ours: Sequence[Point]) -> list[External[P]]:
    """Those of the found places that none of ours stands for, nearest first, numbered."""
    new = [
        (distance_m(centre, place.point), place)
        for place in found
        if all(distance_m(place.point, own) > SAME_PLACE_M for own in ours)
    ]
    new.sort(key=lambda pair: pair[0])
    return [
        External(place, metres, -number)
        for number, (metres, place) in enumerate(new[:MOST_EXTERNAL], start=1)
    ]
