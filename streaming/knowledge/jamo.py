"""Hangul taken apart into letters, and how far two readings are from each other.

A misread syllable block usually differs from the right one in a single letter (먹 → 먼), so words
are compared letter by letter: 무색페트 and 무섹페트 are one letter in ten apart, not one block in
four.
"""

from __future__ import annotations

from typing import Final

from services.runtime import hangul

BARRIER: Final = "\n"
"""Separates lines in a text: no match reaches across it."""

# Letters that are easily confused when print is small or blurred: shapes that differ in one short
# stroke, or in whether a loop is open.
_ALIKE: Final = (
    "ㅐㅔ", "ㅒㅖ", "ㅏㅑ", "ㅓㅕ", "ㅗㅛ", "ㅜㅠ", "ㅡㅜ", "ㅡㅗ", "ㅣㅏ", "ㅣㅓ", "ㅟㅚ", "ㅟㅜ",
    "ㅁㅇ", "ㅇㅎ", "ㅈㅊ", "ㅈㅅ", "ㄱㅋ", "ㄷㅌ", "ㄴㄷ", "ㄷㄹ", "ㅂㅍ", "ㅍㅁ", "ㅂㅁ",
    "ㄹㅌ", "ㅆㅅ",
)  # fmt: skip

NEAR: Final = 0.5
"""Price of taking a letter for one that looks like it; any other mistake costs 1."""

_NEAR_PAIRS: Final = frozenset(pair for a, b in _ALIKE for pair in ((a, b), (b, a)))


def letters(text: str) -> str:
    """The letters of `text`: blocks taken apart, Latin in upper case, spaces dropped.

    Line breaks stay (:data:`BARRIER`); a silent initial ㅇ is a letter like any other.
    """
    return "".join(
        hangul.letters(sign).upper() for sign in text if sign == BARRIER or not sign.isspace()
    )


def price(a: str, b: str) -> float:
    """What it costs to read letter `a` as letter `b`: 0, :data:`NEAR` or 1."""
    if a == b:
        return 0.0
    return NEAR if (a, b) in _NEAR_PAIRS else 1.0


def distance(a: str, b: str) -> float:
    """Least cost of turning the letters of `a` into those of `b` (Levenshtein with `price`)."""
    left, right = letters(a), letters(b)
    row = [float(i) for i in range(len(right) + 1)]
    for i, sign in enumerate(left, start=1):
        before, row = row, [float(i)]
        for j, other in enumerate(right, start=1):
            row.append(min(before[j] + 1, row[j - 1] + 1, before[j - 1] + price(sign, other)))
    return row[-1]


def find(term: str, text: str) -> tuple[float, int, int]:
    """Where in the letters `text` the letters `term` fit best: (cost, start, end).

    Both are given as :func:`letters` returns them. Of equal fits the shortest, then the first
    one is taken. The cost is ``len(term)`` with an empty span when nothing fits at all.
    """
    best = (float(len(term)), 0, 0)
    if not term:
        return (0.0, 0, 0)
    costs = [0.0] * (len(term) + 1)
    starts = [0] * (len(term) + 1)
    for i in range(len(term) + 1):
        costs[i] = float(i)
    for end, sign in enumerate(text, start=1):
        if sign == BARRIER:
            costs = [float(i) for i in range(len(term) + 1)]
            starts = [end] * (len(term) + 1)
            continue
        diagonal, diagonal_start = costs[0], starts[0]
        costs[0], starts[0] = 0.0, end
        for i, wanted in enumerate(term, start=1):
            swap = diagonal + price(wanted, sign)
            extra, missing = costs[i] + 1, costs[i - 1] + 1
            diagonal, swap_start = costs[i], diagonal_start
            diagonal_start = starts[i]
            if swap <= extra and swap <= missing:
                costs[i], starts[i] = swap, swap_start
            elif missing <= extra:
                costs[i], starts[i] = missing, starts[i - 1]
            else:
                costs[i] = extra
        last = costs[-1]
        span = end - starts[-1]
        if last < best[0] or (last == best[0] and best[2] > best[1] and span < best[2] - best[1]):
            best = (last, starts[-1], end)
    return best
