"""A turn ends once, and waits only with the user."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from services.chat.state import OPEN, Event, Status, after, sources

events = st.lists(st.sampled_from(list(Event)), max_size=12)
ENDS = (Event.COMPLETE, Event.FAIL, Event.CANCEL)


def run(sequence: Sequence[Event], status: Status = Status.ACCEPTED) -> Status:
    for event in sequence:
        status = after(status, event)
    return status


@given(events)
def test_first_end_wins(sequence: list[Event]) -> None:
    ends = [event for event in sequence if event in ENDS]
    if ends:
        assert run(sequence) is run(ends[:1])
        assert run(sequence).is_terminal
    else:
        assert run(sequence) in OPEN


@given(events)
def test_it_waits_exactly_from_park_to_resume(sequence: list[Event]) -> None:
    moves = [event for event in sequence if event in (Event.PARK, Event.RESUME)]
    waiting = bool(moves) and moves[-1] is Event.PARK
    assert run(moves) is (Status.WAITING if waiting else Status.ACCEPTED)


@given(events, st.sampled_from(list(Event)))
def test_repeating_what_just_happened_changes_nothing(sequence: list[Event], event: Event) -> None:
    once = run([*sequence, event])
    assert after(once, event) is once


def test_sources_are_exactly_where_an_event_has_an_effect() -> None:
    for event in Event:
        for status in Status:
            assert (after(status, event) is not status) == (status in sources(event))
