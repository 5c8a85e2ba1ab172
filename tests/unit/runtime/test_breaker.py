"""The circuit breaker, by example and under every order of events."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from services.runtime.breaker import PROBE_POLL_SECONDS, Breaker, Permit, State


def breaker(window: int = 10, failures: int = 3) -> Breaker:
    return Breaker(window=window, failures=failures, open_seconds=2.0, open_max_seconds=8.0)


def let(found: Permit | None) -> Permit:
    assert found is not None
    return found


def tripped(now: float = 0.0) -> Breaker:
    subject = breaker()
    for _ in range(3):
        subject.failed(let(subject.enter(now)), now)
    return subject


def test_enough_failures_open_it_and_the_pause_is_told() -> None:
    subject = tripped()
    assert subject.state is State.OPEN
    assert subject.enter(0.5) is None
    assert subject.held(0.5) == 1.5


def test_successes_push_old_failures_out_of_the_window() -> None:
    subject = breaker(window=4)
    for index in range(40):
        permit = let(subject.enter(index))
        if index % 4 < 2:
            subject.failed(permit, index)
        else:
            subject.succeeded(permit)
    assert subject.state is State.CLOSED


def test_one_probe_at_a_time_then_closed() -> None:
    subject = tripped()
    probe = let(subject.enter(2.0))
    assert subject.state.value == "half_open"
    assert subject.enter(2.1) is None
    assert subject.held(2.1) == PROBE_POLL_SECONDS
    subject.succeeded(probe)
    assert subject.state is State.CLOSED
    assert subject.enter(2.2) is not None


def test_failed_probes_double_the_pause_up_to_the_longest() -> None:
    subject = tripped()
    now = 0.0
    pauses = []
    for _ in range(4):
        now += subject.held(now)
        subject.failed(let(subject.enter(now)), now)
        pauses.append(subject.held(now))
    assert pauses == [4.0, 8.0, 8.0, 8.0]


def test_a_success_resets_the_pause() -> None:
    subject = tripped()
    subject.failed(let(subject.enter(2.0)), 2.0)
    subject.succeeded(let(subject.enter(6.0)))
    for _ in range(3):
        subject.failed(let(subject.enter(7.0)), 7.0)
    assert subject.held(7.0) == 2.0


def test_a_late_failure_does_not_reopen_what_a_probe_found_well() -> None:
    subject = breaker()
    late = [let(subject.enter(0.0)) for _ in range(20)]
    for permit in late[:3]:
        subject.failed(permit, 1.0)
    subject.succeeded(let(subject.enter(3.0)))
    for permit in late[3:]:
        subject.failed(permit, 3.1)
    assert subject.state is State.CLOSED


def test_an_abandoned_probe_makes_room_for_the_next() -> None:
    subject = tripped()
    subject.abandoned(let(subject.enter(2.0)))
    assert subject.enter(2.1) is not None


OUTCOMES = st.sampled_from(["enter", "succeed", "fail", "abandon"])


@given(st.lists(st.tuples(OUTCOMES, st.integers(0, 5), st.floats(0, 3)), max_size=80))
def test_it_never_gets_stuck_and_lets_one_probe_through(
    events: list[tuple[str, int, float]],
) -> None:
    """Whatever happens: half-open means at most one probe, and once every permit is reported a call
    is let through after the longest pause.
    """
    subject = breaker()
    now, held = 0.0, list[Permit]()
    for event, which, pause in events:
        now += pause
        if event == "enter":
            permit = subject.enter(now)
            if permit is not None:
                if subject.state is State.HALF_OPEN:
                    assert sum(p.generation == permit.generation for p in held) == 0
                held.append(permit)
        elif held:
            permit = held.pop(which % len(held))
            if event == "succeed":
                subject.succeeded(permit)
            elif event == "fail":
                subject.failed(permit, now)
            else:
                subject.abandoned(permit)
    for permit in held:
        subject.abandoned(permit)
    assert subject.held(now) <= 8.0
    assert subject.enter(now + 8.0) is not None


@given(st.lists(st.booleans(), max_size=200), st.integers(1, 10))
def test_it_stays_closed_as_long_as_failures_in_the_window_are_few(
    outcomes: list[bool], failures: int
) -> None:
    subject = breaker(window=10, failures=failures)
    recent: list[bool] = []
    for ok in outcomes:
        permit = let(subject.enter(0.0))
        if ok:
            subject.succeeded(permit)
        else:
            subject.failed(permit, 0.0)
        recent = [*recent, ok][-10:]
        if recent.count(False) >= failures:
            assert subject.state is State.OPEN
            return
        assert subject.state is State.CLOSED
