"""Words as the keys that type them, so that typing errors are distances between keystrokes. Pure.

On the Korean standard keyboard (두벌식) a syllable block is two to five keys. Comparing keys makes
a missed, doubled or swapped key one error, whatever blocks it makes of the word (페트병 and 페트뱡
are one key of seven apart), and recognises a word typed with the wrong input language on
(``vpxmqud``).
"""

from __future__ import annotations

from typing import Final


def _row(keys: str) -> tuple[str, ...]:
    return tuple(keys.split())


_INITIAL: Final = _row("r R s e E f a q Q t T d w W c z x v g")
_MEDIAL: Final = _row("k o i O j p u P h hk ho hl y n nj np nl b m ml l")
_FINAL: Final = _row("_ r R rt s sw sg e f fr fa fq ft fx fv fg a q qt t T d w c z x v g")
"""The first stands for none."""

_LETTERS: Final = _row("r R rt s sw sg e E f fr fa fq ft fx fv fg a q Q qt t T d w W c z x v g")
"""Consonants that stand alone, ㄱ to ㅎ in the order of Unicode."""

_FIRST_BLOCK: Final = ord("가")
_LAST_BLOCK: Final = ord("힣")
_SINGLE: Final = (
    (ord("ㄱ"), _LETTERS),
    (ord("ㅏ"), _MEDIAL),
    # The same letters as Unicode's compatibility normalisation leaves them.
    (0x1100, _INITIAL),
    (0x1161, _MEDIAL),
    (0x11A8, _FINAL[1:]),
)
"""Letters that stand alone: code of the first, and the keys of it and those after it."""

_INITIALS: Final = "ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ"


def keystrokes(text: str) -> str:
    """The keys of a text; what is no Hangul stands for itself."""
    return "".join(map(_keys, text))


def initials(text: str) -> str:
    """The initial consonants of a text's blocks: 페트병 → ㅍㅌㅂ; what is no block stays."""
    return "".join(
        _INITIALS[(ord(sign) - _FIRST_BLOCK) // 588]
        if _FIRST_BLOCK <= ord(sign) <= _LAST_BLOCK
        else sign
        for sign in text
    )


def only_initials(text: str) -> bool:
    """Whether a text is nothing but initial consonants, as people abbreviate words."""
    return bool(text) and all(sign in _INITIALS for sign in text)


def _keys(sign: str) -> str:
    code = ord(sign)
    if _FIRST_BLOCK <= code <= _LAST_BLOCK:
        initial, rest = divmod(code - _FIRST_BLOCK, 588)
        medial, final = divmod(rest, 28)
        return _INITIAL[initial] + _MEDIAL[medial] + (_FINAL[final] if final else "")
    for first, keys in _SINGLE:
        if first <= code < first + len(keys):
            return keys[code - first]
    return sign
