"""The weather service's grid against points whose cells are known."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.chat.external.kma_grid import HEIGHT, WIDTH, Cell, cell_of


@pytest.mark.parametrize(
    ("name", "latitude", "longitude", "x", "y"),
    [
        # the service's own table of places
        ("서울특별시", 37.5635694444444, 126.980008333333, 60, 127),
        ("서울 종로구", 37.5703777777777, 126.981641666666, 60, 127),
        # the middle of a cell, as the service's page converts it back
        ("(60, 127)", 37.579871128849334, 126.98935225645432, 60, 127),
        ("기준점", 38.0, 126.0, 43, 136),
        # town halls, and places of Busan that lie in cells of their own
        ("서울시청", 37.5665, 126.9780, 60, 127),
        ("부산시청", 35.1796, 129.0756, 98, 76),
        ("해운대 동백섬", 35.1588, 129.1603, 99, 75),
        ("이기대", 35.1122, 129.1233, 99, 74),
        ("다대포", 35.0553, 128.9671, 96, 73),
        ("대전", 36.35, 127.38, 67, 100),
        ("제주시청", 33.4996, 126.5312, 53, 38),
    ],
)
def test_known_points_lie_in_their_cells(
    name: str, latitude: float, longitude: float, x: int, y: int
) -> None:
    assert cell_of(latitude, longitude) == Cell(x, y), name


@pytest.mark.parametrize(
    ("latitude", "longitude"),
    [(40.7, -74.0), (35.7, 139.7), (90.0, 0.0), (-90.0, 0.0), (math.nan, 127.0), (37.5, math.inf)],
)
def test_points_outside_the_grid_have_none(latitude: float, longitude: float) -> None:
    assert cell_of(latitude, longitude) is None


@given(st.floats(), st.floats())
def test_any_pair_of_numbers_has_a_cell_of_the_grid_or_none(a: float, b: float) -> None:
    cell = cell_of(a, b)
    assert cell is None or (1 <= cell.x <= WIDTH and 1 <= cell.y <= HEIGHT)


@given(st.floats(33.0, 38.6), st.floats(125.0, 130.0))
def test_a_step_of_a_cell_leads_to_a_neighbour(latitude: float, longitude: float) -> None:
    here, north = cell_of(latitude, longitude), cell_of(latitude + 0.045, longitude)
    assert here is not None
    assert north is not None
    assert 0 <= north.y - here.y <= 2
    assert abs(north.x - here.x) <= 1
