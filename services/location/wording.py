"""Text as the search compares it: letters instead of syllable blocks. Pure.

A block changes while it is typed (ㅅ, 서, 성, 성ㅅ, 성수) and in most spelling mistakes only one of
its letters is wrong, so places are searched by letters: what is typed so far is then a prefix of
what will be typed, and three letters, which an index of trigrams needs, are a block and a half.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from services.runtime import hangul

_COMPOUND: Final = str.maketrans(
    {
        "ㄳ": "ㄱㅅ", "ㄵ": "ㄴㅈ", "ㄶ": "ㄴㅎ", "ㄺ": "ㄹㄱ", "ㄻ": "ㄹㅁ", "ㄼ": "ㄹㅂ",
        "ㄽ": "ㄹㅅ", "ㄾ": "ㄹㅌ", "ㄿ": "ㄹㅍ", "ㅀ": "ㄹㅎ", "ㅄ": "ㅂㅅ", "ㅘ": "ㅗㅏ",
        "ㅙ": "ㅗㅐ", "ㅚ": "ㅗㅣ", "ㅝ": "ㅜㅓ", "ㅞ": "ㅜㅔ", "ㅟ": "ㅜㅣ", "ㅢ": "ㅡㅣ",
    }
)  # fmt: skip
"""Letters that are typed as two, one after the other."""

_NOT_LETTERS: Final = re.compile(r"[^\w]+|_+")


def letters(text: str) -> str:
    """Lower-cased letters and digits of `text`, blocks taken apart, words one space apart."""
    return " ".join(filter(None, map(_word, text.split())))


@lru_cache(maxsize=16_384)  # places share the words of their addresses
def _word(word: str) -> str:
    taken = "".join(map(_taken, unicodedata.normalize("NFC", word)))
    return _NOT_LETTERS.sub(" ", taken).strip()


@lru_cache(maxsize=16_384)
def _taken(sign: str) -> str:
    """A sign in its usual form, taken apart; letters typed alone are what blocks consist of."""
    plain = sign if "ㄱ" <= sign <= "ㆎ" else unicodedata.normalize("NFKC", sign).lower()
    return "".join(map(hangul.letters, plain)).translate(_COMPOUND)


def searched(texts: Iterable[str | None]) -> str:
    """What the search looks into, of the texts of a place: their letters, texts on lines of their
    own.
    """
    return "\n".join(filter(None, (letters(text) for text in texts if text)))
