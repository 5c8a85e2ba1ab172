from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.kafka.retry import (
    DEADLINE_EXCEEDED,
    JITTER,
    Again,
    Dead,
    Death,
    Poison,
    Retryable,
    decide,
    reason_of,
)

SCHEDULE = (1.0, 5.0, 15.0, 60.0)


def _decide(
    error: BaseException,
    attempt: int = 1,
    deadline: float | None = None,
    jitter: float = 0.0,
) -> Again | Dead:
    return decide(
        error, attempt=attempt, schedule=SCHEDULE, deadline=deadline, now=1000.0, jitter=jitter
    )


@given(
    attempt=st.integers(1, 10),
    jitter=st.floats(0, 1, exclude_max=True),
    schedule=st.lists(st.floats(0.01, 100), max_size=6),
)
def test_attempts_follow_the_schedule_and_then_end(
    attempt: int, jitter: float, schedule: list[float]
) -> None:
    verdict = decide(
        RuntimeError(), attempt=attempt, schedule=schedule, deadline=None, now=0.0, jitter=jitter
    )
    if attempt > len(schedule):
        assert verdict == Dead(Death.EXHAUSTED, "RuntimeError")
    else:
        assert isinstance(verdict, Again)
        assert verdict.step == attempt
        planned = schedule[attempt - 1]
        assert planned <= verdict.delay_seconds <= planned * (1 + JITTER)


def test_poison_dies_at_once() -> None:
    assert _decide(Poison("NOT_AN_IMAGE")) == Dead(Death.POISON, "NOT_AN_IMAGE")


def test_a_provider_may_ask_for_more_time_but_not_for_less() -> None:
    assert _decide(Retryable("BUSY", delay_seconds=20)) == Again(1, 20, "BUSY")
    assert _decide(Retryable("BUSY", delay_seconds=0.1)) == Again(1, 1.0, "BUSY")


def test_an_attempt_that_would_start_too_late_is_not_made() -> None:
    assert _decide(Retryable(), deadline=1000.5) == Dead(Death.DEADLINE, DEADLINE_EXCEEDED)
    assert isinstance(_decide(Retryable(), deadline=1001.5), Again)


def test_exhausted_counts_before_the_deadline() -> None:
    assert _decide(Retryable("BUSY"), attempt=5, deadline=0.0) == Dead(Death.EXHAUSTED, "BUSY")


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ValueError("password=hunter2"), "ValueError"),
        (Retryable("MODEL_DOWN"), "MODEL_DOWN"),
        (Poison("two\nlines\x00"), "two lines"),
        (Poison(""), "UNKNOWN"),
        (Retryable("x" * 1000), "x" * 200),
    ],
)
def test_reasons_show_words_meant_to_be_shown(error: Exception, reason: str) -> None:
    assert reason_of(error) == reason
