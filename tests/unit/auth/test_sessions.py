from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from services.auth.sessions import (
    MAX_SUPERSEDED,
    Family,
    Lifetimes,
    Verdict,
    judge,
    next_pair,
    rotated,
    started,
)

NOW = datetime(2026, 1, 2, 3, 4, 5, 678_000, UTC)
GRACE = timedelta(seconds=30)
LIVES = Lifetimes(access=timedelta(hours=3), refresh=timedelta(days=30))


def family() -> Family:
    return started(uuid.uuid4(), uuid.uuid4(), "google", next_pair(NOW, LIVES, "k"))


def rotate(before: Family, now: datetime, lives: Lifetimes = LIVES) -> Family:
    return rotated(before, next_pair(now, lives, "k"), now, GRACE)


def test_a_pair_counts_in_whole_seconds() -> None:
    pair = family().current
    assert pair.issued_at == NOW.replace(microsecond=0)
    assert pair.refresh_expires_at - pair.issued_at == LIVES.refresh


@pytest.mark.parametrize(
    ("seconds", "verdict"),
    [
        (0.0, Verdict.REPEAT),
        (30.0, Verdict.REPEAT),
        (30.000001, Verdict.REUSED),
        (86_400.0, Verdict.REUSED),
        (-1.0, Verdict.REPEAT),  # the clock of the replica that rotated is ahead
    ],
)
def test_a_rotated_token_is_good_for_the_grace_window(seconds: float, verdict: Verdict) -> None:
    before = family()
    after = rotate(before, NOW)
    later = NOW + timedelta(seconds=seconds)
    assert judge(after, before.current.refresh_jti, later, GRACE) is verdict
    assert judge(after, after.current.refresh_jti, later, GRACE) is Verdict.ROTATE


def test_every_token_rotated_within_the_window_is_remembered() -> None:
    chain = [family()]
    for number in range(5):
        chain.append(rotate(chain[-1], NOW + timedelta(seconds=10 * number)))
    last, now = chain[-1], NOW + timedelta(seconds=45)
    verdicts = [judge(last, one.current.refresh_jti, now, GRACE) for one in chain]
    assert verdicts == [Verdict.REUSED] * 2 + [Verdict.REPEAT] * 3 + [Verdict.ROTATE]
    assert len(last.superseded) == 4  # the first was out of the window when the last was made


def test_a_client_in_a_loop_does_not_fill_the_row() -> None:
    spinning = family()
    for _ in range(MAX_SUPERSEDED + 10):
        spinning = rotate(spinning, NOW)
    assert len(spinning.superseded) == MAX_SUPERSEDED


def test_nothing_of_an_ended_or_unknown_session_is_good() -> None:
    alive = family()
    ended = replace(alive, revoked_at=NOW)
    for gone in (ended, None):
        assert judge(gone, alive.current.refresh_jti, NOW, GRACE) is Verdict.REVOKED


def test_a_session_lasts_as_long_as_the_longest_token_of_any_pair() -> None:
    before = family()
    short = Lifetimes(access=timedelta(minutes=1), refresh=timedelta(minutes=2))
    assert rotate(before, NOW, short).tokens_expire_at == before.tokens_expire_at
    longer = Lifetimes(access=timedelta(days=90), refresh=timedelta(days=1))
    assert rotate(before, NOW, longer).tokens_expire_at > before.tokens_expire_at
