from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.kafka.offsets import ContiguousOffsets


@st.composite
def _finishing_orders(draw: st.DrawFn) -> tuple[list[int], list[int]]:
    """Ascending offsets with gaps, and some of them in the order they finish."""
    gaps = draw(st.lists(st.integers(1, 3), min_size=1, max_size=40))
    offsets = [sum(gaps[: i + 1]) for i in range(len(gaps))]
    finished = draw(st.permutations(offsets))
    return offsets, finished[: draw(st.integers(0, len(finished)))]


@given(_finishing_orders())
def test_never_commits_past_an_unfinished_record(case: tuple[list[int], list[int]]) -> None:
    offsets, finished = case
    tracker = ContiguousOffsets()
    for offset in offsets:
        tracker.start(offset)
    done: set[int] = set()
    for offset in finished:
        tracker.finish(offset)
        done.add(offset)
        unfinished = [o for o in offsets if o not in done]
        assert tracker.position == (unfinished[0] if unfinished else offsets[-1] + 1)
        assert tracker.unfinished == len(unfinished)


@given(_finishing_orders(), st.data())
def test_what_a_restart_would_read_again_is_known(
    case: tuple[list[int], list[int]], data: st.DataObject
) -> None:
    offsets, finished = case
    tracker = ContiguousOffsets()
    for offset in offsets:
        tracker.start(offset)
    acknowledged = 0
    done: set[int] = set()
    for offset in finished:
        tracker.finish(offset)
        done.add(offset)
        if data.draw(st.booleans()) and (position := tracker.to_commit) is not None:
            assert position > acknowledged
            tracker.acknowledged(position)
            acknowledged = position
            assert tracker.to_commit is None
        assert tracker.finished_uncommitted() == {o for o in done if o >= acknowledged}


def test_reading_and_finishing_interleave() -> None:
    tracker = ContiguousOffsets()
    assert tracker.position is None
    tracker.start(5)
    tracker.start(6)
    tracker.finish(6)
    assert tracker.to_commit is None
    tracker.finish(5)
    assert tracker.to_commit == 7
    tracker.start(9)
    assert tracker.to_commit == 9  # 7 and 8 do not exist: nothing is skipped
    tracker.finish(9)
    tracker.finish(9)
    assert tracker.to_commit == 10


def test_offsets_must_ascend() -> None:
    tracker = ContiguousOffsets()
    tracker.start(3)
    with pytest.raises(ValueError, match="offset 3 after 3"):
        tracker.start(3)
