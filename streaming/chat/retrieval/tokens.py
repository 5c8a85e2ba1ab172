"""Korean text as the tokens that are counted.

A word counts without its particles, and by its pairs of syllables as well, so that 스티로폼박스 and
스티로폼 상자 share something. Words that only ask how to throw a thing out count for nothing: every
document is full of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from streaming.knowledge import korean
from streaming.knowledge.folding import Folder

MOST_CHARACTERS: Final = 1000
"""How much of a question is read."""

_WORD: Final = re.compile(r"\w+")

_ASKING: Final = re.compile(
    "^(?:알려|알고|궁금|뭐|뭘|뭔|무슨|무엇|왜|언제|얼마|누구|그럼|그러면|그냥|그거|그건|이거|이건|저거|혹시|"
    "하나|하면|해야|해서|해요|하지|하죠|할까|합니|인가|인지|있나|있어|있을|없나|맞나|맞지|맞아|안되|않나|"
    "넣어|넣는|넣으|내놔|내놓|내나|내면|써도|다음|정도|경우|때|좀|거|것|수|안|못|잘|다|더|제|내|우리)"
)


def content_words(text: str, fold: Folder) -> Iterator[str]:
    """The words of ``text`` that say something, folded and without particles."""
    for word in _WORD.findall(text[:MOST_CHARACTERS].replace("_", " ")):
        folded = fold(word)
        if not folded or korean.asks_for_disposal(folded) or _ASKING.match(folded):
            continue
        yield korean.bare(folded)


def tokens(text: str, fold: Folder) -> Iterator[str]:
    """Words and their pairs of syllables."""
    for word in content_words(text, fold):
        yield word
        if len(word) > 2:
            yield from (f"~{word[at : at + 2]}" for at in range(len(word) - 1))
