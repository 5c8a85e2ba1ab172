"""Hangul syllable blocks taken apart into their letters. Pure."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

_FIRST_BLOCK: Final = 0xAC00
_LAST_BLOCK: Final = 0xD7A3
_VOWELS: Final = 21
_FINALS: Final = 28
_INITIAL: Final = "ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ"
_MEDIAL: Final = "ㅏㅐㅑㅒㅓㅔㅕㅖㅗㅘㅙㅚㅛㅜㅝㅞㅟㅠㅡㅢㅣ"
_FINAL: Final = " ㄱㄲㄳㄴㄵㄶㄷㄹㄺㄻㄼㄽㄾㄿㅀㅁㅂㅄㅅㅆㅇㅈㅊㅋㅌㅍㅎ"


@lru_cache(maxsize=16_384)
def letters(sign: str) -> str:
    """The letters of one character: of a block two or three, of anything else itself.

    A silent initial ㅇ is a letter like any other.
    """
    index = ord(sign) - _FIRST_BLOCK
    if not 0 <= index <= _LAST_BLOCK - _FIRST_BLOCK:
        return sign
    initial = _INITIAL[index // (_VOWELS * _FINALS)]
    medial = _MEDIAL[index // _FINALS % _VOWELS]
    final = _FINAL[index % _FINALS]
    return f"{initial}{medial}{final}".rstrip(" ")
