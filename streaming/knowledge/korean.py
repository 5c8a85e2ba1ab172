"""The little Korean grammar that finding a thing in a question needs.

A noun of a question is followed by particles in the same word (``페트병은``, ``캔이랑``) and by
verbs in the next (``라벨 떼고``). Both say what role the noun plays: see :func:`role`.
"""

from __future__ import annotations

import re
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


_DESCRIBING: Final = "으로|로|에서|에다가|에다|에는|에도|에|의|째|없이|까지|처럼|안에|속에|용"
_COPULA: Final = (
    "이에요|예요|에요|이예요|인가요|인가|인지|인데요|인데|이야|야|이죠|죠|이면|라면|이라서|라서"
)
_JOINING: Final = "이랑|랑|하고|과|와|이나"
_TOPIC: Final = "은요|는요|은|는|을|를|도|만|이나도|도요"
_OTHER: Final = "들|류|이|가|나|요|좀|건|거|것|같은거|같은|부터|이란|란|껀|꺼"

_TAIL: Final = re.compile(
    rf"(?:들|류|만|같은)*"
    rf"(?:(?P<describing>{_DESCRIBING})|(?P<copula>{_COPULA})|(?P<joining>{_JOINING})"
    rf"|(?P<topic>{_TOPIC})|(?P<other>{_OTHER}))?"
    rf"(?P<rest>.*)"
)

_VERB_OF_DISPOSAL: Final = re.compile(
    "버려|버리|버릴|버렸|분리|재활용|배출|어떻|어떡|어디|어캐|어케|처리|폐기|되나|돼|될|인가|방법|쓰레기|수거"
)

_NEXT_DESCRIBES: Final = re.compile(
    "붙|묻|담긴|담은|담았|담아|든$|들은|들어|달린|달려|된$|되어|돼있|만든|먹은|먹고|먹었|먹다|뗀|떼|뜯|제거|벗기|벗긴|씻|"
    "헹구|헹궈|헹군|닫|열고|열린|연$|빼고|빼서|뺀|비우|비운|비웠|없는|없이|없애|있는|포함|감싼|싼$|싸서|싸인|넣|자른|잘라|"
    "시킨|시켰|시켜|마시|마신|산$|샀|찢|쓰고|쓴$|쏟|끼운|꽂|싸여|분리하고|분리해서|분리한|풀고|펴서|접어|말려|닦"
)
"""Beginnings of words that make the noun before them a description of another one."""


def tail_allows(rest_of_word: str) -> bool:
    """Whether a noun can end here: what is left of its word is grammar, not more of a noun."""
    if not rest_of_word:
        return True
    tail = _TAIL.fullmatch(rest_of_word)
    if tail is None:
        return False
    rest = tail["rest"]
    return not rest or bool(tail["joining"]) or _VERB_OF_DISPOSAL.match(rest) is not None


def joins(rest_of_word: str, next_word: str) -> bool:
    """Whether another thing of the same standing follows: ``캔이랑 병``, ``캔 그리고 병``."""
    tail = _TAIL.fullmatch(rest_of_word)
    return bool(tail and tail["joining"]) or next_word in {"및", "그리고", "또는", "아니면", "또"}


def role(rest_of_word: str, next_word: str) -> Role:
    """The role of a noun, from what is left of its word and from the word that follows."""
    tail = _TAIL.fullmatch(rest_of_word)
    if (tail and tail["describing"]) or _NEXT_DESCRIBES.match(next_word):
        return Role.DESCRIBES
    if tail and tail["topic"]:
        return Role.TOPIC
    if tail and tail["copula"]:
        return Role.PREDICATE
    return Role.BARE
