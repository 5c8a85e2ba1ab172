"""Pacing and the number of calls in flight."""

from __future__ import annotations

import asyncio
import itertools
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.model.limits import BURST_SECONDS, GROWTH_PER_SECOND, MIN_RATE, Limiter, Pace
from streaming.model.provider import ModelRateLimited, ModelUnavailable


def test_without_a_ceiling_nothing_waits_until_a_429() -> None:
    pace = Pace()
    assert [pace.reserve(0.0) for _ in range(1000)] == [0.0] * 1000


def test_a_429_pauses_and_halves_the_rate_in_use() -> None:
    pace = Pace()
    for at in range(500):  # 50 calls a second
        pace.reserve(at / 50)
    pace.limited(10.0, started=9.9, retry_after=3.0)
    assert pace.reserve(10.0) == pytest.approx(3.0)
    rate = pace.rate(10.0)
    assert rate is not None
    assert 20 <= rate <= 30


def test_a_burst_of_refusals_cuts_the_rate_once() -> None:
    pace = Pace()
    for at in range(500):
        pace.reserve(at / 50)
    for _ in range(100):
        pace.limited(10.0, started=9.9, retry_after=1.0)
    rate = pace.rate(10.0)
    assert rate is not None
    assert rate >= 20


def test_the_rate_grows_back_and_the_cut_is_forgotten() -> None:
    pace = Pace()
    for at in range(500):
        pace.reserve(at / 50)
    pace.limited(10.0, started=9.9, retry_after=1.0)
    cut = pace.rate(11.0)
    assert cut is not None
    assert pace.rate(18.0) == pytest.approx(cut * (1 + GROWTH_PER_SECOND) ** 7, rel=0.01)
    assert pace.rate(120.0) is None


def test_a_ceiling_is_a_ceiling_again_after_a_cut() -> None:
    pace = Pace(10.0)
    pace.limited(0.0, started=0.0, retry_after=0.0)
    assert pace.rate(0.0) == 5.0
    assert pace.rate(60.0) == 10.0


@given(
    st.floats(1, 200),
    st.lists(st.floats(0, 0.5), min_size=1, max_size=300),
)
def test_no_window_holds_more_starts_than_rate_and_burst_allow(
    rate: float, gaps: list[float]
) -> None:
    pace = Pace(rate)
    starts = sorted(now + pace.reserve(now) for now in itertools.accumulate(gaps))
    for first in range(0, len(starts), 7):
        for last in range(first, len(starts), 5):
            span = starts[last] - starts[first]
            assert last - first <= rate * (span + BURST_SECONDS) + 1.001


@given(
    st.lists(st.tuples(st.booleans(), st.floats(0, 2), st.floats(0, 5)), max_size=100),
    st.none() | st.floats(1, 100),
)
def test_waits_are_finite_and_never_before_the_pause_ends(
    events: list[tuple[bool, float, float]], ceiling: float | None
) -> None:
    pace = Pace(ceiling)
    slowest = min(MIN_RATE, ceiling or MIN_RATE)
    now = paused = 0.0
    waiting = 0
    for refused, gap, pause in events:
        now += gap
        if refused:
            pace.limited(now, started=now, retry_after=pause)
            paused = max(paused, now + pause)
        else:
            wait = pace.reserve(now)
            waiting += 1
            assert now + wait >= paused - 1e-6
            assert wait <= (paused - now if paused > now else 0) + waiting / slowest + 1e-6


async def test_no_more_calls_in_flight_than_slots() -> None:
    limiter = Limiter(concurrency=3)
    running = most = 0

    async def call() -> None:
        nonlocal running, most
        await limiter.acquire(5.0)
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.001)
        running -= 1
        limiter.release()

    await asyncio.gather(*(call() for _ in range(30)))
    assert most == 3


async def test_patience_bounds_the_wait_for_a_slot_and_for_quota() -> None:
    limiter = Limiter(concurrency=1)
    await limiter.acquire(1.0)
    began = time.monotonic()
    with pytest.raises(ModelUnavailable):
        await limiter.acquire(0.05)
    limiter.release()
    limiter.limited(started=began, retry_after=30.0)
    with pytest.raises(ModelRateLimited) as caught:
        await limiter.acquire(1.0)
    assert caught.value.retry_after_seconds == pytest.approx(30.0, abs=0.5)
    limiter.limited(started=began, retry_after=0.0)
    assert time.monotonic() - began < 10.0
