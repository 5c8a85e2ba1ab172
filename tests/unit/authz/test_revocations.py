"""What is remembered of ended sessions, and for how long it is relied on."""

from __future__ import annotations

import uuid

from hypothesis import given
from hypothesis import strategies as st

from edge.authz.revocations import HOUR_SECONDS, RevokedSessions

START = 1_800_000_000.0


class Clock:
    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def remembered(capacity: int = 1000) -> tuple[RevokedSessions, Clock, Clock]:
    wall, monotonic = Clock(START), Clock(50.0)
    return RevokedSessions(capacity, 600.0, wall, monotonic), wall, monotonic


@given(
    st.lists(
        st.tuples(st.integers(0, 5), st.integers(-7200, 90_000), st.integers(0, 9000)), max_size=40
    )
)
def test_a_session_stays_refused_until_its_last_token_has_run_out(
    steps: list[tuple[int, int, int]],
) -> None:
    sessions, wall, _ = remembered()
    until: dict[bytes, float] = {}
    for number, life, later in steps:
        session = uuid.UUID(int=number).bytes
        sessions.revoke(session, wall.now + life)
        until[session] = max(until.get(session, 0.0), wall.now + life)
        wall.now += later
        sessions.prune()
        for known, end in until.items():
            if wall.now < end:
                assert sessions.revoked(known)
            elif wall.now >= end + HOUR_SECONDS:
                assert not sessions.revoked(known), "it is forgotten within the hour"


def test_beyond_the_capacity_the_oldest_goes_first() -> None:
    sessions, _, _ = remembered(capacity=3)
    ids = [uuid.uuid4().bytes for _ in range(5)]
    for session in ids:
        sessions.revoke(session, START + 9000)
    assert [sessions.revoked(session) for session in ids] == [False, False, True, True, True]
    assert len(sessions) == 3


def test_what_has_run_out_makes_room_first() -> None:
    sessions, wall, _ = remembered(capacity=2)
    long, short, new = (uuid.uuid4().bytes for _ in range(3))
    sessions.revoke(long, START + 90_000)
    sessions.revoke(short, START + 60)
    wall.now += 2 * HOUR_SECONDS
    sessions.revoke(new, wall.now + 9000)
    assert (sessions.revoked(long), sessions.revoked(short), sessions.revoked(new)) == (
        True,
        False,
        True,
    )


def test_it_is_trusted_from_the_first_completeness_until_it_is_too_old() -> None:
    sessions, _, monotonic = remembered()
    assert (sessions.trusted(), sessions.staleness()) == (False, float("inf"))
    sessions.complete(45.0)
    assert (sessions.trusted(), sessions.staleness()) == (True, 5.0)
    monotonic.now = 644.9
    assert sessions.trusted()
    monotonic.now = 645.0
    assert not sessions.trusted()
    sessions.complete(640.0)
    sessions.complete(100.0)
    assert (sessions.trusted(), sessions.staleness()) == (True, 5.0)
