"""Places of the map service among our own: which are new, how many, and in which order."""

from __future__ import annotations

from dataclasses import dataclass

from services.location.geo import Point, distance_m
from services.location.merging import MOST_EXTERNAL, SAME_PLACE_M, strangers

CENTRE = Point(37.5665, 126.978)
METRE = 1 / 111_195
"""Degrees north."""


@dataclass(frozen=True)
class Found:
    """A place of the map service, so many metres north of the middle."""

    north_m: float

    @property
    def point(self) -> Point:
        return Point(CENTRE.latitude + self.north_m * METRE, CENTRE.longitude)


def test_a_place_within_50_metres_of_one_of_ours_is_taken_for_the_same() -> None:
    ours = Found(1_000).point
    near, apart = Found(1_000 + SAME_PLACE_M - 1), Found(1_000 + SAME_PLACE_M + 1)
    assert distance_m(near.point, ours) < SAME_PLACE_M < distance_m(apart.point, ours)
    assert [each.place for each in strangers(CENTRE, [near, apart], [CENTRE, ours])] == [apart]
    assert [each.place for each in strangers(CENTRE, [near, apart], [])] == [near, apart]


def test_no_more_than_ten_are_added_the_nearest_of_them_numbered_downwards() -> None:
    found = [Found(100.0 * number) for number in (15, *range(14, 0, -1))]
    added = strangers(CENTRE, found, [])
    assert len(added) == MOST_EXTERNAL == 10
    assert [each.place.north_m for each in added] == [100.0 * number for number in range(1, 11)]
    assert [each.id for each in added] == list(range(-1, -11, -1))
    assert all(abs(each.metres - each.place.north_m) < 1 for each in added)


def test_nothing_found_adds_nothing() -> None:
    assert strangers(CENTRE, [], [CENTRE]) == []
