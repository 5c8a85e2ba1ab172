"""Text as the search compares it: letters instead of syllable blocks. Pure.

A block changes while it is typed (ㅅ, 서, 성, 성ㅅ, 성수) and in most spelling mistakes only one of
its letters is wrong, so places are searched by letters: what is typed so far is then a prefix of
what will be typed, and three letters, which an index of trigrams needs, are a block and a half.

A letter is written as its key on a Korean keyboard: 성수 is ``tjdtn``. So what was typed with the
keyboard left in the other mode is found too, and a letter is one byte instead of three: the index
of trigrams takes a new place in three fifths of the time.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from services.runtime import hangul

_KEYS: Final = str.maketrans(
    {
        **dict(zip("ㅂㅈㄷㄱㅅㅛㅕㅑㅐㅔ", "qwertyuiop", strict=True)),
        **dict(zip("ㅁㄴㅇㄹㅎㅗㅓㅏㅣ", "asdfghjkl", strict=True)),
        **dict(zip("ㅋㅌㅊㅍㅠㅜㅡ", "zxcvbnm", strict=True)),
        "ㅒ": "o", "ㅖ": "p",  # with shift; hardly told apart, and often written for each other
        "ㄲ": "rr", "ㄸ": "ee", "ㅃ": "qq", "ㅆ": "tt", "ㅉ": "ww",
        "ㄳ": "rt", "ㄵ": "sw", "ㄶ": "sg", "ㄺ": "fr", "ㄻ": "fa", "ㄼ": "fq",
        "ㄽ": "ft", "ㄾ": "fx", "ㄿ": "fv", "ㅀ": "fg", "ㅄ": "qt", "ㅘ": "hk",
        "ㅙ": "ho", "ㅚ": "hl", "ㅝ": "nj", "ㅞ": "np", "ㅟ": "nl", "ㅢ": "ml",
    }
)  # fmt: skip
"""Keys of letters; of those that are typed as two, one after the other, both."""

_NOT_LETTERS: Final = re.compile(r"[^\w]+|_+")


def letters(text: str) -> str:
    """Lower-cased letters and digits of `text`, blocks taken apart into keys, words one space
    apart.
    """
    return " ".join(filter(None, map(_word, text.split())))


@lru_cache(maxsize=16_384)  # places share the words of their addresses
def _word(word: str) -> str:
    taken = "".join(map(_taken, unicodedata.normalize("NFC", word)))
    return taken if taken.isalnum() else _NOT_LETTERS.sub(" ", taken).strip()


@lru_cache(maxsize=16_384)
def _taken(sign: str) -> str:
    """The keys of a sign in its usual form; letters typed alone are what blocks consist of."""
    plain = sign if "ㄱ" <= sign <= "ㆎ" else unicodedata.normalize("NFKC", sign).lower()
    return "".join(map(hangul.letters, plain)).translate(_KEYS)


def searched(texts: Iterable[str | None]) -> str:
    """What the search looks into, of the texts of a place: their letters, texts on lines of their
    own.
    """
    return "\n".join(filter(None, (letters(text) for text in texts if text)))
