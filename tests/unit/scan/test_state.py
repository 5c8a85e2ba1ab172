"""A job ends once."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from services.scan.state import OPEN, Event, Status, after, sources

events = st.lists(st.sampled_from(list(Event)), max_size=12)


def run(sequence: Sequence[Event], status: Status = Status.QUEUED) -> Status:
    for event in sequence:
        status = after(status, event)
    return status


@given(events)
def test_first_terminal_status_wins(sequence: list[Event]) -> None:
    ends = [event for event in sequence if event is not Event.DISPATCH]
    if ends:
        assert run(sequence) == run(ends[:1])
        assert run(sequence).is_terminal
    else:
        assert run(sequence) is (Status.PROCESSING if sequence else Status.QUEUED)


@given(events, st.sampled_from(list(Event)))
def test_repeating_what_just_happened_changes_nothing(sequence: list[Event], event: Event) -> None:
    once = run([*sequence, event])
    assert after(once, event) is once


@given(events)
def test_a_job_never_goes_back(sequence: list[Event]) -> None:
    order = [Status.QUEUED, Status.PROCESSING]
    rank = {status: order.index(status) if status in order else 2 for status in Status}
    status = Status.QUEUED
    for event in sequence:
        following = after(status, event)
        assert rank[following] >= rank[status]
        status = following


def test_sources_are_exactly_where_an_event_has_an_effect() -> None:
    for event in Event:
        for status in Status:
            assert (after(status, event) is not status) == (status in sources(event))


def test_every_status_is_open_or_terminal() -> None:
    assert {status for status in Status if not status.is_terminal} == set(OPEN)
