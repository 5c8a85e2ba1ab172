"""From the terms that were read to a class, or to the admission that they don't tell."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from streaming.model.offline.match import Hit

DECISIVE_SCORE: Final = 3.0
DECISIVE_LEAD: Final = 1.8
"""Evidence at which reading stops early."""

ENOUGH_SCORE: Final = 2.1
ENOUGH_LEAD: Final = 1.2
"""Evidence at which a class is named at all once every way of reading was tried."""

_PART_SHARE: Final = 0.2
"""What is left of a term's weight when it is about a cap or a label."""

_AGAIN_SHARE: Final = 0.5
"""How much a second reading of the same term, in another view, adds of what is missing to 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The class the evidence speaks for."""

    middle: str | None
    """None when it doesn't tell."""

    minor: str | None
    confidence: float
    score: float
    lead: float
    """By how much the best class is ahead of the second."""

    @property
    def decisive(self) -> bool:
        """Whether more reading would hardly change it."""
        return self.score >= DECISIVE_SCORE and self.lead >= DECISIVE_LEAD


@dataclass(slots=True)
class Evidence:
    """Collects the hits of one view after the other."""

    _quality: dict[str, float] = field(default_factory=dict)
    _hits: dict[str, Hit] = field(default_factory=dict)

    def add(self, view: Iterable[Hit]) -> None:
        """Take in what one view showed; several readings of a term within it count once."""
        best: dict[str, float] = {}
        for hit in view:
            share = hit.quality * (_PART_SHARE if hit.part else 1.0)
            if share > best.get(hit.term.text, 0.0):
                best[hit.term.text] = share
                self._hits[hit.term.text] = hit
        for text, quality in best.items():
            known = self._quality.get(text, 0.0)
            high, low = max(known, quality), min(known, quality)
            self._quality[text] = high + (1 - high) * low * _AGAIN_SHARE

    @property
    def terms(self) -> Mapping[str, float]:
        """Terms read so far and how well."""
        return dict(self._quality)

    def verdict(self) -> Verdict:
        """What the evidence says now."""
        scores: dict[str, float] = {}
        for text, hit in self._hits.items():
            for name, weight in hit.term.weights.items():
                scores[name] = scores.get(name, 0.0) + weight * self._quality[text]
        ranked = sorted(scores.items(), key=lambda entry: -entry[1])
        if not ranked:
            return Verdict(middle=None, minor=None, confidence=0.0, score=0.0, lead=0.0)
        name, score = ranked[0]
        lead = score - max(0.0, ranked[1][1] if len(ranked) > 1 else 0.0)
        told = score >= ENOUGH_SCORE and lead >= ENOUGH_LEAD
        return Verdict(
            middle=name if told else None,
            minor=self._minor(name) if told else None,
            confidence=confidence(score, lead),
            score=score,
            lead=lead,
        )

    def _minor(self, middle: str) -> str | None:
        best: tuple[float, str] | None = None
        for text, hit in self._hits.items():
            minor = hit.term.minors.get(middle)
            if minor is None:
                continue
            strength = self._quality[text] * (0.5 + hit.term.weights.get(middle, 0.0))
            if best is None or strength > best[0]:
                best = (strength, minor)
        return best[1] if best else None


def confidence(score: float, lead: float) -> float:
    """0–1, from the weaker of how much there is and how far ahead it is."""
    return round(1 - math.exp(-0.9 * max(0.0, min(score, lead + 0.5))), 3)
