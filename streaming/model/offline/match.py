"""Which terms of the lexicon stand in what was read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from streaming.knowledge.jamo import find, letters
from streaming.model.offline.lexicon import Lexicon, Term
from streaming.model.offline.tesseract import Word

_EDGES: Final = re.compile(r"^[^\w가-힣]+|[^\w가-힣%]+$")
_LEAST_CONFIDENCE: Final = 0.15
"""Words tesseract itself all but rejects are mostly texture read as letters."""


@dataclass(frozen=True, slots=True)
class Line:
    """Words that stand beside each other, left to right."""

    words: tuple[Word, ...]

    @property
    def text(self) -> str:
        """The words with single spaces between them."""
        return " ".join(word.text for word in self.words)


@dataclass(frozen=True, slots=True)
class Hit:
    """A term found in a line."""

    term: Term
    quality: float
    """0–1: how much of the term's weight this reading deserves."""

    part: bool
    """Whether a word before it says that it is about a part of the package."""


@dataclass(slots=True)
class _Run:
    """Words in a row and the box around them."""

    words: list[Word]
    left: int
    top: int
    right: int
    bottom: int

    @classmethod
    def of(cls, words: list[Word]) -> _Run:
        return cls(
            words,
            min(w.left for w in words),
            min(w.top for w in words),
            max(w.left + w.width for w in words),
            max(w.top + w.height for w in words),
        )

    def followed_by(self, other: _Run) -> bool:
        """Whether `other` goes on where this ends: same height, same line, a word's gap away."""
        tall, small = sorted((self.bottom - self.top, other.bottom - other.top), reverse=True)
        overlap = min(self.bottom, other.bottom) - max(self.top, other.top)
        gap = other.left - self.right
        return small > tall * 0.5 and overlap > small * 0.5 and -0.5 * tall < gap < 1.2 * tall


def lines(words: Iterable[Word]) -> tuple[Line, ...]:
    """Words joined into lines: tesseract's own, joined further where they stand side by side.

    In sparse mode it often makes 무색 and 페트, which stand side by side in a mark, two blocks.
    """
    rows: dict[tuple[int, int, int], list[Word]] = {}
    for word in words:
        if word.confidence >= _LEAST_CONFIDENCE:
            rows.setdefault(word.row, []).append(word)
    joined: list[_Run] = []
    for run in sorted((_Run.of(row) for row in rows.values()), key=lambda r: (r.left, r.top)):
        for known in joined:
            if known.followed_by(run):
                joined[joined.index(known)] = _Run.of(known.words + run.words)
                break
        else:
            joined.append(run)
    return tuple(Line(tuple(run.words)) for run in joined)


def _pairs(text: str) -> set[str]:
    return {text[i : i + 2] for i in range(len(text) - 1)}


def _tokens(line: Line) -> list[tuple[str, float]]:
    """Words of their own, with what tesseract thinks of them; single syllables also joined."""
    bare = [(letters(_EDGES.sub("", word.text)), word.confidence) for word in line.words]
    found = [(text, sure) for text, sure in bare if text]
    for (a, sure_a), (b, sure_b) in pairwise(tuple(found)):
        if len(a) <= 3 and len(b) <= 3:
            found.append((a + b, min(sure_a, sure_b)))
    return found


def _confidence_at(line: Line, start: int, end: int) -> float:
    """Mean confidence of the words that letters `start` to `end` of the line come from."""
    at, sure = 0, []
    for word in line.words:
        size = len(letters(word.text))
        if at < end and at + size > start:
            sure.append(word.confidence)
        at += size
    return sum(sure) / len(sure) if sure else 0.0


@dataclass(frozen=True, slots=True)
class _Found:
    term: Term
    start: int
    end: int
    cost: float
    quality: float


def _in_line(line: Line, lexicon: Lexicon) -> list[_Found]:
    text = letters(line.text)
    pairs = _pairs(text)
    tokens = _tokens(line)
    found: list[_Found] = []
    for term in lexicon.terms:
        if term.pattern is not None:
            if match := term.pattern.search(line.text.upper()):
                start = len(letters(line.text[: match.start()]))
                end = start + len(letters(match.group()))
                sure = _confidence_at(line, start, end)
                found.append(_Found(term, start, end, 0.0, _quality(0.0, 1.0, sure)))
        elif term.whole:
            sure = max((s for token, s in tokens if token == term.letters), default=-1.0)
            if sure >= 0:
                start = text.find(term.letters)
                found.append(
                    _Found(term, start, start + len(term.letters), 0.0, _quality(0.0, 1.0, sure))
                )
        else:
            allowed = term.tolerance
            shared = len(_pairs(term.letters) & pairs)
            if shared < max(1.0, len(term.letters) - 1 - 3 * allowed):
                continue
            cost, start, end = find(term.letters, text)
            if cost <= allowed:
                sure = _confidence_at(line, start, end)
                found.append(_Found(term, start, end, cost, _quality(cost, allowed, sure)))
    return found


def _quality(cost: float, allowed: float, confidence: float) -> float:
    worn = 0.45 * cost / allowed if allowed else 0.0
    return (1 - worn) * (0.55 + 0.45 * confidence)


def _free_of_overlap(found: Sequence[_Found]) -> list[_Found]:
    """Each letter speaks once: the term that explains most of the letters takes them."""
    kept: list[_Found] = []
    ranked = sorted(found, key=lambda f: 2 * f.cost - len(f.term.letters))
    for one in ranked:
        if one.term.pattern is not None or all(
            one.end <= other.start or one.start >= other.end or other.term.pattern is not None
            for other in kept
        ):
            kept.append(one)
    return kept


def hits(read: Iterable[Line], lexicon: Lexicon) -> tuple[Hit, ...]:
    """Every term of the lexicon that stands in the lines."""
    out: list[Hit] = []
    parts = [letters(part) for part in lexicon.parts]
    for line in read:
        text = letters(line.text)
        for one in _free_of_overlap(_in_line(line, lexicon)):
            before = text[max(0, one.start - 14) : one.start]
            is_part = any(part in before for part in parts)
            out.append(Hit(one.term, one.quality, is_part))
    return tuple(out)
