from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.local.part import Part
from mesh.local.supervisor import LONGEST_PAUSE_SECONDS, pause, stop_order


def _part(name: str, *, after: tuple[str, ...] = (), drains_before: tuple[str, ...] = ()) -> Part:
    async def ready() -> None:
        return

    return Part(name=name, command=("true",), ready=ready, after=after, drains_before=drains_before)


@given(st.integers(1, 10_000))
def test_pauses_grow_and_are_bounded(restart: int) -> None:
    assert 0 < pause(restart) <= pause(restart + 1) <= LONGEST_PAUSE_SECONDS


def test_a_part_is_stopped_after_those_that_need_it() -> None:
    parts = [
        _part("postgres"),
        _part("servers", after=("postgres",)),
        _part("workers", after=("postgres",), drains_before=("servers",)),
        _part("envoy", drains_before=("servers", "workers")),
    ]
    assert stop_order(parts) == {
        "postgres": {"servers", "workers"},
        "servers": {"workers", "envoy"},
        "workers": {"envoy"},
        "envoy": set(),
    }


def test_needs_that_are_not_started_here_are_no_obstacle() -> None:
    assert stop_order([_part("servers", after=("postgres",))]) == {"servers": set()}


def test_parts_that_wait_for_one_another_are_refused() -> None:
    with pytest.raises(ValueError, match="a, b"):
        stop_order([_part("a", after=("b",)), _part("b", after=("a",)), _part("c")])
