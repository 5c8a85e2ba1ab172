"""Categories: what the provider says, then its tag, then the words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.workers.news.categories import (
    CATEGORIES,
    ENGLISH_QUERIES,
    KOREAN_QUERIES,
    category_of,
    queries_of_run,
)


def scored(title: str, text: str = "") -> str:
    return category_of(provided=(), tag="", title=title, text=text)


@pytest.mark.parametrize(
    ("provided", "category"),
    [
        (["environment"], "environment"),
        (["world"], "environment"),
        (["lifestyle"], "environment"),
        (["business"], "energy"),
        (["Science"], "energy"),
        (["technology"], "ai"),
        (["top"], "ai"),
        (["top", "environment"], "environment"),
        (["world", "technology"], "ai"),
    ],
)
def test_the_provider_is_believed(provided: list[str], category: str) -> None:
    assert category_of(provided=provided, tag="solar", title="AI", text="") == category


def test_a_tag_comes_before_the_words() -> None:
    told = {"title": "분리배출", "text": "재활용"}
    assert category_of(provided=["sports"], tag="renewable energy", **told) == "energy"
    assert category_of(provided=(), tag="politics", **told) == "environment"


@pytest.mark.parametrize(
    ("title", "category"),
    [
        ("아파트 분리배출 요령", "environment"),
        ("탄소중립으로 가는 길", "energy"),  # not 탄소, which would be the environment
        ("탄소 배출이 늘었다", "environment"),
        ("AI가 쓰레기를 나눈다, 인공지능 로봇", "ai"),
        ("전기차 배터리와 수소", "energy"),
        ("He said every paid maid", "environment"),  # no AI and no EV in there
        ("EV sales up", "energy"),
        ("New LLM and GPT", "ai"),
        ("오늘의 날씨", "environment"),
        ("", "environment"),
    ],
)
def test_words_decide_when_nobody_says(title: str, category: str) -> None:
    assert scored(title) == category


def test_the_title_weighs_more_and_a_word_counts_once() -> None:
    assert scored("태양광 발전", "쓰레기 쓰레기 쓰레기") == "energy"
    assert scored("", "쓰레기 쓰레기 쓰레기 태양광 풍력") == "energy"


@given(st.text(max_size=200), st.lists(st.text(max_size=10), max_size=3), st.text(max_size=20))
def test_every_article_has_a_category(title: str, provided: list[str], tag: str) -> None:
    assert category_of(provided=provided, tag=tag, title=title, text=title) in CATEGORIES


def test_naver_asks_everything_every_time() -> None:
    runs = [
        queries_of_run(KOREAN_QUERIES, run=run, every_seconds=300, calls_per_day=25_000)
        for run in range(3)
    ]
    assert all(set(run) == set(KOREAN_QUERIES) for run in runs)


def test_newsdata_asks_in_turns_within_the_day() -> None:
    runs = [
        queries_of_run(ENGLISH_QUERIES, run=run, every_seconds=1800, calls_per_day=200)
        for run in range(48)
    ]
    assert sum(map(len, runs)) <= 200
    counts = [sum(query in run for run in runs) for query in ENGLISH_QUERIES]
    assert max(counts) - min(counts) <= 1


@given(st.integers(0, 10**9), st.floats(1, 1e6), st.integers(0, 10**6))
def test_a_run_asks_each_query_at_most_once(run: int, every: float, per_day: int) -> None:
    asked = queries_of_run(ENGLISH_QUERIES, run=run, every_seconds=every, calls_per_day=per_day)
    assert 1 <= len(asked) == len(set(asked)) <= len(ENGLISH_QUERIES)
