"""When frames of text fall due."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from streaming.chat.narration import STEP_SECONDS, due_after

FRAME = 0.2

nows = st.floats(10.0, 1e7)
delays = st.lists(st.floats(0.0, 0.6), min_size=1, max_size=40)


@given(began=nows, delays=delays, frame=st.sampled_from((0.1, 0.15, 0.2, 0.33, 1.0)))
def test_frames_come_at_most_once_a_frames_time_and_on_common_steps(
    began: float, delays: list[float], frame: float
) -> None:
    due = due_after(0.0, began, frame)
    assert frame - 1e-3 <= due - began <= frame + STEP_SECONDS + 1e-3
    for late in delays:
        sent = due + late
        following = due_after(due, sent, frame)
        assert following - due >= frame - 1e-3
        assert frame / 2 - 1e-3 <= following - sent <= frame + STEP_SECONDS + 1e-3
        steps = following / STEP_SECONDS
        assert abs(steps - round(steps)) < 1e-3
        due = following


@given(began=nows)
def test_a_turn_that_is_in_time_has_five_frames_a_second(began: float) -> None:
    due = first = due_after(0.0, began, FRAME)
    for _ in range(50):
        due = due_after(due, due + 0.01, FRAME)
    assert abs(due - first - 50 * FRAME) < 1e-2


@given(one=st.floats(10.0, 10.05), other=st.floats(10.0, 10.05))
def test_turns_that_begin_together_are_due_together(one: float, other: float) -> None:
    dues = {round(due_after(0.0, now, FRAME), 3) for now in (one, other)}
    assert dues <= {10.2, 10.25}
