"""The little Korean grammar that finding a thing in a question needs.

A noun of a question is followed by particles in the same word (``페트병은``, ``캔이랑``) and by
verbs in the next (``라벨 떼고``). Both say what role the noun plays: see :func:`role`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import IntEnum
from typing import Final


class Role(IntEnum):
    """How likely it is that a noun is what the question is about; higher is likelier."""

    DESCRIBES = 0
    """Says something about another noun: 스티로폼으로 된, 라벨 뗀."""
    PREDICATE = 1
    """What something is asked or said to be: 종이인가요."""
    BARE = 2
    TOPIC = 3
    """Marked as topic or object: 캔은, 캔을."""


class _Ending(IntEnum):
    DESCRIBING = 0
    COPULA = 1
    JOINING = 2
    TOPIC = 3
    OTHER = 4


_ENDINGS: Final = {
    ending: kind
    for kind, endings in {
        _Ending.DESCRIBING: "으로 로 에서 에다가 에다 에는 에도 에 의 째 없이 까지 처럼 안에 "
        "속에 용",
        _Ending.COPULA: "이에요 예요 에요 이예요 인가요 인가 인지 인데요 인데 이야 야 이죠 죠 이면 "
        "라면 이라서 라서",
        _Ending.JOINING: "이랑 랑 하고 과 와 이나",
        _Ending.TOPIC: "은요 는요 은 는 을 를 만",
        _Ending.OTHER: "이요 도요 도 들 류 이 가 나 요 좀 건 거 것 같은거 같은 부터 이란 란 껀 꺼",
    }.items()
    for ending in endings.split()
}
_LONGEST_ENDING: Final = max(map(len, _ENDINGS))
_THING: Final = ("거", "것", "건", "껀", "꺼")
_NOUN_SUFFIX: Final = re.compile("^(?:들|류|만(?=[은는이가을를도])|같은)*")


def _beginnings(words: str) -> re.Pattern[str]:
    """A pattern for words that begin with one of ``words``; ``$`` ends one that must be whole."""
    return re.compile("|".join(words.split()))


_VERB_OF_DISPOSAL: Final = _beginnings(
    "버려 버리 버릴 버렸 분리 재활용 배출 어떻 어떡 어디 어캐 어케 "
    "처리 폐기 되나 돼 될 인가 방법 쓰레기 수거"
)

_NEXT_DESCRIBES: Final = _beginnings(
    "붙 묻 담긴 담은 담았 담아 든$ 들은 들어 달린 달려 된$ 되어 "
    "돼있 만든 먹은 먹고 먹었 먹다 뗀 떼 뜯 제거 벗기 벗긴 씻 헹구 "
    "헹궈 헹군 닫 열고 열린 연$ 빼고 빼서 뺀 비우 비운 비웠 없 있는 "
    "포함 감싼 싼$ 싸서 싸인 넣 자른 잘라 시킨 시켰 시켜 마시 마신 "
    "산$ 샀 찢 쓰고 쓴$ 쏟 끼운 꽂 싸여 분리하고 분리해서 분리한 "
    "풀고 펴서 접어 말려 닦 빠지 빠져 떨어 냄새 자국 얼룩 물들 물든 "
    "배었 배어 배서"
)
"""Beginnings of words that make the noun before them a description of another one."""

_CONJUNCTIONS: Final = frozenset({"및", "그리고", "또는", "아니면", "또"})

_ADVERBS: Final = frozenset({"안", "못", "잘", "다", "꼭", "막", "좀", "많이", "아직"})
"""Words that may stand between a noun and its verb."""


def tail_allows(noun: str, rest_of_word: str) -> bool:
    """Whether a noun can end here: what is left of its word is grammar, not more of a noun."""
    if len(noun) == 1 and rest_of_word.startswith(_THING):
        return False  # 철거 is no piece of iron
    kind, rest = _split(rest_of_word)
    listed = kind is _Ending.JOINING and len(noun) > 1  # 책과외 is no book and something
    return not rest or listed or _VERB_OF_DISPOSAL.match(rest) is not None


def joins(rest_of_word: str, next_word: str) -> bool:
    """Whether another thing of the same standing follows: ``캔이랑 병``, ``캔 그리고 병``."""
    return _split(rest_of_word)[0] is _Ending.JOINING or next_word in _CONJUNCTIONS


def role(rest_of_word: str, next_words: Sequence[str]) -> Role:
    """The role of a noun, from what is left of its word and from the words that follow."""
    kind, _ = _split(rest_of_word)
    verb = next((word for word in next_words if word not in _ADVERBS), "")
    if kind is _Ending.DESCRIBING or _NEXT_DESCRIBES.match(verb):
        return Role.DESCRIBES
    if kind is _Ending.TOPIC:
        return Role.TOPIC
    if kind is _Ending.COPULA:
        return Role.PREDICATE
    return Role.BARE


def bare(word: str) -> str:
    """``word`` without the particles after it: 페트병은 → 페트병, 캔이랑 → 캔.

    Two syllables stay, or one before an ending of several, so that 종이 keeps its 이. A noun that
    merely looks longer than it is (바나나) is shortened the same way wherever it stands.
    """
    while True:
        for length in range(min(len(word) - 1, _LONGEST_ENDING), 0, -1):
            if word[-length:] in _ENDINGS and len(word) - length >= (2 if length == 1 else 1):
                word = word[:-length]
                break
        else:
            return word


def asks_for_disposal(word: str) -> bool:
    """Whether a word only asks how something is thrown out, and names nothing: 버려요, 어떻게."""
    return _VERB_OF_DISPOSAL.match(word) is not None


def _split(rest_of_word: str) -> tuple[_Ending | None, str]:
    """The longest ending at the start of ``rest_of_word``, and what follows it."""
    rest = _NOUN_SUFFIX.sub("", rest_of_word, count=1)
    for length in range(min(len(rest), _LONGEST_ENDING), 0, -1):
        kind = _ENDINGS.get(rest[:length])
        if kind is not None:
            return kind, rest[length:]
    return None, rest
