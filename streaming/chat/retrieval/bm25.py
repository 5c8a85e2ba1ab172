"""Okapi BM25 over a handful of sections.

Scores as in Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond"
(2009), with the usual k1 and b, and with the weight of a token that never falls below zero.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

K1: Final = 1.2
B: Final = 0.75


class Bm25:
    """Scores of bags of tokens. Built once, then only read."""

    def __init__(self, bags: Sequence[Iterable[str]]) -> None:
        counts = [Counter(bag) for bag in bags]
        self._lengths = [count.total() for count in counts]
        self._mean = max(1.0, sum(self._lengths) / max(1, len(counts)))
        self._postings: dict[str, list[tuple[int, int]]] = {}
        for number, count in enumerate(counts):
            for token, times in count.items():
                self._postings.setdefault(token, []).append((number, times))
        self._weights = {
            token: math.log(1 + (len(counts) - len(where) + 0.5) / (len(where) + 0.5))
            for token, where in self._postings.items()
        }
        self._unknown = math.log(1 + (len(counts) + 0.5) / 0.5)

    def knows(self, token: str) -> bool:
        """Whether any bag holds the token."""
        return token in self._postings

    def weight(self, token: str) -> float:
        """How much a token tells: the rarer the more; most for one that no bag holds."""
        return self._weights.get(token, self._unknown)

    def scores(self, query: Iterable[str]) -> dict[int, float]:
        """Score of every bag that shares a token with the query, by its number."""
        found: dict[int, float] = {}
        for token in set(query):
            for number, times in self._postings.get(token, ()):
                damping = K1 * (1 - B + B * self._lengths[number] / self._mean)
                gain = self._weights[token] * times * (K1 + 1) / (times + damping)
                found[number] = found.get(number, 0.0) + gain
        return found
