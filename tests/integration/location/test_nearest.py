"""The nearest places by the index, against measuring the way to every one."""

from __future__ import annotations

import os
import random
from collections.abc import AsyncIterator
from unittest import mock

import asyncpg
import pytest

from services.location.categories import PICKUPS, STORES
from services.location.geo import Point, distance_m
from services.location.store import PlaceStore
from services.runtime import database
from services.runtime.settings import RuntimeSettings
from tests.integration.location.conftest import Service

QUESTIONS = 120


@pytest.fixture
async def pool(environ: dict[str, str], location: Service) -> AsyncIterator[asyncpg.Pool]:
    """The domain's own pool, on the sample places."""
    with mock.patch.dict(os.environ, environ):
        opened = await database.connect_pool(RuntimeSettings(), "location")
    yield opened
    await opened.close()


def _some(chance: random.Random, names: tuple[str, ...]) -> list[str]:
    return chance.sample(names, chance.choice((0, 1, 1, 2, 3, len(names))))


async def test_the_nearest_are_those_of_all_that_fit(pool: asyncpg.Pool) -> None:
    places = await pool.fetch(
        "SELECT id, latitude, longitude, store_category, pickup_categories FROM places"
    )
    store, chance = PlaceStore(pool), random.Random(5)
    for _ in range(QUESTIONS):
        middle = chance.choice(places)
        centre = Point(
            middle["latitude"] + chance.gauss(0, 0.02), middle["longitude"] + chance.gauss(0, 0.02)
        )
        stores, pickups = _some(chance, STORES), _some(chance, PICKUPS)
        radius, limit = chance.choice((100, 3_000, 50_000)), chance.choice((1, 5, 30, 200))
        fitting = sorted(
            (away, place["id"])
            for place in places
            if (not stores or place["store_category"] in stores)
            and (not pickups or set(pickups) & set(place["pickup_categories"]))
            and (away := distance_m(centre, Point(place["latitude"], place["longitude"]))) <= radius
        )
        found = await store.nearest(
            centre, radius_m=radius, limit=limit, stores=stores, pickups=pickups
        )
        got = [(metres, row["id"]) for metres, _, row in found]
        asked = (centre, radius, limit, stores, pickups)
        assert len(set(got)) == len(got) == min(limit, len(fitting)), asked
        assert set(got) <= set(fitting), asked
        assert got == sorted(got), asked
        # Mercator's order may be wrong by one in a hundred where the limit cuts off.
        assert all(a <= b * 1.01 for (a, _), (b, _) in zip(got, fitting, strict=False)), asked
        if len(fitting) <= limit:
            assert got == fitting, asked
