"""What places are filed under, and which keys a filter asks for."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.location import filing
from services.location.categories import PICKUPS, STORES
from services.location.geo import Point, box_around, cell, mercator

MIGRATION = Path("services/location/migrations/0002_filed_places.sql")

STORE = st.sampled_from(STORES)
THINGS = st.lists(st.sampled_from(PICKUPS), min_size=1, unique=True)


def test_numbers_are_those_of_the_rows_that_are_kept() -> None:
    """They never change: categories are added at the ends of their lists."""
    kept = [
        tuple(re.split(r",\s+", listed))
        for listed in re.findall(r"'\{([\w,\s]+)\}'", MIGRATION.read_text(encoding="utf-8"))
    ]
    assert STORES[: len(kept[0])] == kept[0]
    assert PICKUPS[: len(kept[1])] == kept[1]
    assert filing.numbers(STORES[1], PICKUPS[2:4]) == [64, 3, 4, 67, 68]
    assert filing.taking(PICKUPS[2:4]) == 0b1100


@given(STORE, THINGS, st.lists(STORE, unique=True), st.lists(st.sampled_from(PICKUPS), unique=True))
def test_a_place_is_found_once_by_the_filters_it_fits_and_by_no_other(
    store: str, things: list[str], stores: list[str], pickups: list[str]
) -> None:
    if not stores and not pickups:
        return
    filed = {number * filing.STRIP for number in filing.numbers(store, things)}
    takes = filing.taking(things)
    found = [key for key in filing.keys(stores, pickups) if key.aside in filed]
    once = [key for key in found if not takes & key.had]
    fits = (not stores or store in stores) and (not pickups or bool(set(things) & set(pickups)))
    assert len(once) == fits


@given(
    st.builds(Point, st.floats(-90, 90), st.floats(-180, 180)),
    st.floats(100, 50_000),
    st.builds(Point, st.floats(33, 38.5), st.floats(125, 131)),
)
def test_a_box_reaches_into_no_other_strip(centre: Point, radius: float, place: Point) -> None:
    west, _, east, _ = box_around(centre, radius)
    x, _ = mercator(place)
    for strips in (-1, 1):
        assert not west <= x + strips * filing.STRIP <= east


def test_what_is_no_category_is_not_looked_for() -> None:
    with pytest.raises(KeyError):
        list(filing.keys(["zoo"], []))


def test_neighbours_have_neighbouring_cells() -> None:
    here, there, away = cell(37.5665, 126.978), cell(37.5666, 126.9781), cell(35.1, 129.0)
    assert abs(here - there) <= 3
    assert abs(here - away) > 1000
    assert 0 <= cell(32.0, 123.0) <= cell(40.0, 133.0) < math.pow(2, 24)
