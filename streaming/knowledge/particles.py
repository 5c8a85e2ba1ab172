"""Particles whose form depends on the word before them."""

from __future__ import annotations


def _ends_in_consonant(word: str) -> bool:
    """Whether the last Hangul block of the word has a final; False for anything else."""
    for sign in reversed(word):
        if "가" <= sign <= "힣":
            return (ord(sign) - ord("가")) % 28 != 0
        if sign.isalnum():
            return False
    return False


def topic(word: str) -> str:
    """The word with 은 or 는, as its last syllable asks for."""
    return f"{word}{'은' if _ends_in_consonant(word) else '는'}"


def direction(word: str) -> str:
    """The word with 으로 or 로; after a final ㄹ it is 로."""
    last = next((sign for sign in reversed(word) if "가" <= sign <= "힣"), "가")
    final = (ord(last) - ord("가")) % 28
    return f"{word}{'으로' if _ends_in_consonant(word) and final != 8 else '로'}"
