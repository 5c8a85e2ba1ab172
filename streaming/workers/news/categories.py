"""Which category an article belongs to, and what is searched for. Pure.

What the provider says counts first, then its tag, then the words of the article; an article that
says nothing is about the environment, as that is what was searched for. Categories of providers,
keywords and queries are those the app was made with.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

CATEGORIES: Final = ("environment", "energy", "ai")
DEFAULT: Final = "environment"

PROVIDED: Final[Mapping[str, str]] = MappingProxyType(
    {
        # the particular ones first: an article often has one of these and a general one
        "environment": "environment",
        "technology": "ai",
        "science": "energy",
        "business": "energy",
        "lifestyle": "environment",
        "world": "environment",
        "top": "ai",
    }
)
"""Categories of NewsData, in the order in which they decide."""

KEYWORDS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "environment": (
            "환경", "분리배출", "재활용", "쓰레기", "폐기물", "기후변화", "온실가스", "탄소",
            "생태계", "environment", "recycling", "waste", "climate", "pollution",
        ),
        "energy": (
            "에너지", "신재생", "태양광", "풍력", "전기차", "배터리", "수소", "탄소중립",
            "energy", "solar", "renewable", "EV", "battery",
        ),
        "ai": (
            "인공지능", "AI", "머신러닝", "딥러닝", "챗봇", "GPT", "LLM", "자동화",
            "artificial intelligence", "machine learning", "automation",
        ),
    }
)  # fmt: skip

KOREAN_QUERIES: Final = (
    "환경 분리배출 재활용",
    "신재생에너지 탄소중립 태양광",
    "인공지능 AI 환경",
)
ENGLISH_QUERIES: Final = (
    "environment recycling waste",
    "renewable energy climate",
    "environment recycling climate change",
    "renewable energy solar EV battery",
    "AI artificial intelligence technology",
)

_DAY_SECONDS: Final = 86_400
_IN_TITLE: Final = 2

_OWNERS: Final = {word.lower(): category for category, words in KEYWORDS.items() for word in words}
# Longer words first, so that 탄소중립 is no 탄소. Latin ones stand alone: no EV in "every"; Korean
# particles may follow them, as in "AI가".
_WORDS: Final = re.compile(
    "|".join(
        rf"(?<![a-z0-9]){re.escape(word)}(?![a-z0-9])" if word.isascii() else re.escape(word)
        for word in sorted(_OWNERS, key=len, reverse=True)
    )
)


def category_of(
    *, provided: Iterable[str], tag: str, title: str, text: str, keywords: Iterable[str] = ()
) -> str:
    """The category of an article, from what its provider says and from its words."""
    given = {name.strip().lower() for name in provided}
    for name, category in PROVIDED.items():
        if name in given:
            return category
    if tag and (by_tag := _best(_scores([(1, tag)]))):
        return by_tag
    by_words = _best(_scores([(_IN_TITLE, title), (1, text), (1, " ".join(keywords))]))
    return by_words or DEFAULT


def _scores(texts: Iterable[tuple[int, str]]) -> dict[str, int]:
    """Points by category: the weight of a text for each different keyword in it."""
    points = dict.fromkeys(CATEGORIES, 0)
    for weight, text in texts:
        for word in set(_WORDS.findall(text.lower())):
            points[_OWNERS[word]] += weight
    return points


def _best(points: Mapping[str, int]) -> str | None:
    """The category with most points, of equal ones the first; None without any point."""
    best = max(CATEGORIES, key=lambda category: points[category])
    return best if points[best] else None


def queries_of_run(
    queries: Sequence[str], *, run: int, every_seconds: float, calls_per_day: int
) -> tuple[str, ...]:
    """The queries of the run-th collection: all, or as many as the day's calls allow for each run,
    in turns.
    """
    affordable = int(calls_per_day * every_seconds / _DAY_SECONDS)
    count = min(len(queries), max(1, affordable))
    start = run * count % len(queries)
    return tuple(queries[(start + number) % len(queries)] for number in range(count))
