"""Which branches a turn runs (docs/chat.md, "The branches"). Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from streaming.chat.intent import Classified, Intent
from streaming.chat.schedule import asks_when

OWN: Final[Mapping[Intent, tuple[str, ...]]] = {
    Intent.WASTE: ("waste_rag",),
    Intent.CHARACTER: ("character",),
    Intent.LOCATION: ("location", "kakao_place"),
    Intent.BULK_WASTE: ("bulk_waste",),
    Intent.RECYCLABLE_PRICE: ("recyclable_price",),
    Intent.COLLECTION_POINT: ("collection_point",),
    Intent.WEATHER: ("weather",),
    Intent.IMAGE_GENERATION: ("image_generation",),
    Intent.WEB_SEARCH: ("web_search",),
    Intent.GENERAL: ("general",),
}
"""The branches that answer an intent, the one that carries the answer first."""

ENRICHMENT: Final[Mapping[Intent, tuple[str, ...]]] = {
    Intent.WASTE: ("weather",),
    Intent.BULK_WASTE: ("weather",),
}
"""What else is asked for an intent, to say more than was asked."""

WEATHER_NOT_FOR: Final = frozenset({Intent.WEATHER, Intent.GENERAL, Intent.CHARACTER})
"""With a known place, every other intent is enriched with the weather."""

DAYS_FOR: Final = frozenset({Intent.WASTE, Intent.BULK_WASTE, Intent.GENERAL})
"""Questions of these intents that ask for a day are told when the district collects."""

SEARCH: Final = "web_search"
"""The branch that searches the web."""

SEARCH_BELOW: Final = 0.75
"""A general question classified with less confidence is looked up."""

SEARCH_WORDS: Final = (
    "최신", "최근", "올해", "작년", "지난달", "현재", "요즘", "오늘", "어제", "이번주",
    "2024", "2025", "2026", "뉴스", "정책", "규제", "발표", "공지", "트렌드", "업데이트",
    "검색", "찾아봐", "알아봐", "주가", "결과", "순위", "랭킹",
)  # fmt: skip
"""A question with one of these asks for what no rule document knows."""


ASKING_WORDS: Final = ("검색", "인터넷", "웹에서", "웹서치", "구글링")
"""A question with one of these asks for a search in so many words, whatever it is about."""


class Route(NamedTuple):
    """One branch and the question it is asked for."""

    branch: str
    question: Classified
    own: bool
    """Whether it answers the question, or only enriches another branch's answer."""


def asks_to_search(text: str) -> bool:
    """Whether a question asks for a search of the web in so many words."""
    return any(word in text for word in ASKING_WORDS)


def is_own(name: str, question: Classified) -> bool:
    """Whether a branch answers a question, rather than only adding to another's answer."""
    return name in OWN[question.intent] or (name == SEARCH and asks_to_search(question.text))


def routes(
    questions: Sequence[Classified], *, has_place: bool, existing: Iterable[str]
) -> list[Route]:
    """The branches to run for the questions of a turn, each branch once, those that answer first.

    Two questions of one intent share its branch, which then sees both texts. `existing` are the
    branches this process has.
    """
    there = frozenset(existing)
    chosen: dict[str, Route] = {}
    merged = _merged(questions)
    for question in merged:
        for name in OWN[question.intent]:
            chosen.setdefault(name, Route(name, question, True))
    for question in merged:
        for name in _further(question, has_place=has_place):
            chosen.setdefault(name, Route(name, question, is_own(name, question)))
    return [route for route in chosen.values() if route.branch in there]


def _merged(questions: Sequence[Classified]) -> list[Classified]:
    by_intent: dict[Intent, Classified] = {}
    for question in questions:
        known = by_intent.get(question.intent)
        if known is not None:
            question = Classified(
                text=f"{known.text}\n{question.text}",
                intent=known.intent,
                confidence=min(known.confidence, question.confidence),
                reasoning=known.reasoning,
            )
        by_intent[question.intent] = question
    return list(by_intent.values())


def _further(question: Classified, *, has_place: bool) -> list[str]:
    names = list(ENRICHMENT.get(question.intent, ()))
    if question.intent in DAYS_FOR and asks_when(question.text):
        names.append("collection_point")
    if has_place and question.intent not in WEATHER_NOT_FOR:
        names.append("weather")
    unsure = question.intent is Intent.GENERAL and question.confidence < SEARCH_BELOW
    wanted = any(word in question.text for word in (*SEARCH_WORDS, *ASKING_WORDS))
    if unsure or wanted:
        names.append(SEARCH)
    return names
