"""Mending typing errors: the known word a misspelt one is nearest to, letter by letter."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from rapidfuzz import process
from rapidfuzz.distance import OSA

from streaming.knowledge.jamo import letters

FEWEST_LETTERS: Final = 6
"""Shorter words have too many neighbours: 바지 is one letter from 가지."""

NEAREST: Final = 0.8
"""Similarity from which a word is taken for another: one wrong letter in six, two in ten."""


class Mender:
    """Knows the words questions may use. Built once, then only read."""

    def __init__(self, words: Iterable[str]) -> None:
        self._words = {
            spelled: word for word in words if len(spelled := letters(word)) >= FEWEST_LETTERS
        }

    def mend(self, word: str) -> tuple[str, float] | None:
        """The known word nearest to ``word`` and how near it is, 0–1; None when none is near."""
        spelled = letters(word)
        if len(spelled) < FEWEST_LETTERS:
            return None
        found = process.extractOne(
            spelled,
            self._words.keys(),
            scorer=OSA.normalized_similarity,
            score_cutoff=NEAREST,
        )
        if found is None:
            return None
        return self._words[found[0]], float(found[1])
