"""Finding items of the guide by words, typing errors forgiven. Pure.

Three readings of the words are tried and the best one counts for each item:

- the whole text as a question, as the scan pipeline reads it (``streaming/knowledge``): that knows
  grammar, everyday words and which of two nouns is meant;
- the text, and each longer word of it, as the name or an everyday word of an item, or as the
  beginning or a part of one;
- the same with typing errors, as a distance between keystrokes (:mod:`services.info.keystrokes`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from rapidfuzz import fuzz, process

from services.info.keystrokes import initials, keystrokes, only_initials
from services.info.recycling import Entry, Guide
from streaming.knowledge import Item, Knowledge
from streaming.knowledge.matching import stem

EXACT: Final = 100.0
ASKED: Final = 96.0
"""What the question is about, found by its grammar."""
POSSIBLE: Final = 90.0
"""One of several things the question may be about."""
BEGINS: Final = 88.0
CONTAINS: Final = 78.0
ONE_BLOCK: Final = 68.0
"""A word of one block ends the name: 병 in 소주병."""
PART_OF_QUERY: Final = 92.0
"""The name is a word of a longer text, which goes on about it."""
INITIALS: Final = 70.0
ONE_OF_SEVERAL: Final = 0.92
"""Weight of what a single word of a longer text says."""
EVERYDAY: Final = 2.0
"""Less for an everyday word than for a name."""
GENERAL: Final = 1.0
"""Less for a class in general than for an item."""

CUTOFF: Final = 74.0
"""Least similarity of keystrokes, in percent: about one wrong key in four. Below it words of
another meaning come up."""
SHORT_CUTOFF: Final = 83.0
SHORT_KEYS: Final = 6
"""Words of so few keys (two blocks) are near to each other by chance."""
FUZZY: Final = 0.9
"""Weight of a similarity: a word that is right letter by letter wins over one that is near."""


@dataclass(frozen=True, slots=True)
class _Term:
    """A word that names an item."""

    folded: str
    entry: Entry
    everyday: bool


class ItemSearch:
    """The words of all items, made ready once."""

    def __init__(self, guide: Guide, knowledge: Knowledge) -> None:
        self._guide = guide
        self._knowledge = knowledge
        self._terms = [
            _Term(folded, entry, everyday)
            for entry in guide.entries
            for everyday, texts in ((False, _names(entry)), (True, entry.words))
            for folded in dict.fromkeys(map(knowledge.fold, texts))
            if folded
        ]
        typed = [(keystrokes(way), term) for term in self._terms for way in self._ways(term.folded)]
        self._keys = [keys for keys, _ in typed]
        self._typed = [term for _, term in typed]
        self._initials = [initials(term.folded) for term in self._terms]
        self._order = {entry.id: number for number, entry in enumerate(guide.entries)}
        self._by_place: dict[Item | None, Entry] = {}
        for entry in guide.entries:
            if entry.place.minor is not None or entry.general:
                self._by_place.setdefault(entry.place, entry)

    def find(self, text: str, category: str | None, limit: int) -> list[Entry]:
        """Up to `limit` items of a category (None: any) that the text may mean, best first.

        Blank text lists all items of the category; the classes in general come up only when words
        name them. KeyError for an unknown category.
        """
        if not text.strip():
            listed = self._guide.listed(category)
            return [entry for entry, _ in zip(listed, range(limit), strict=False)]
        self._guide.listed(category)  # refuses an unknown one
        scores: dict[str, float] = {}
        for entry, score in self._readings(text):
            if score > scores.get(entry.id, 0.0) and self._guide.within(entry, category):
                scores[entry.id] = score
        best = sorted(scores, key=lambda name: (-scores[name], self._order[name]))
        return [self._guide.by_id[name] for name in best[:limit]]

    def _readings(self, text: str) -> Iterator[tuple[Entry, float]]:
        if only_initials(text.strip()):
            yield from self._abbreviated(text.strip())
            return
        whole = self._knowledge.fold(text)
        if not whole:
            return
        yield from self._asked(text)
        words = [whole]
        for word in re.findall(r"\w+", text):
            folded = self._knowledge.fold(word)
            if len(folded) > 1 and folded != whole:
                words.append(folded)
        for word in words:
            weight = 1.0 if word == whole else ONE_OF_SEVERAL
            yield from self._spelled(word, weight)
            yield from self._mistyped(word, weight)

    def _ways(self, folded: str) -> Iterator[str]:
        """How a word may have been meant to be spelled: folded, and as it was before folding."""
        yield folded
        for old, new in self._knowledge.taxonomy.folds:
            if new in folded:
                yield folded.replace(new, old)

    def _asked(self, text: str) -> Iterator[tuple[Entry, float]]:
        match = self._knowledge.match(text)
        if match.item in self._by_place:
            yield self._by_place[match.item], ASKED
        for item in match.candidates:
            if item in self._by_place:
                yield self._by_place[item], POSSIBLE

    def _spelled(self, word: str, weight: float) -> Iterator[tuple[Entry, float]]:
        for term in self._terms:
            name = term.folded
            if name == word:
                score = EXACT
            elif len(word) > 1 and name.startswith(word):
                score = BEGINS - min(8.0, len(name) - len(word))
            elif len(word) > 1 and word in name:
                score = CONTAINS - min(8.0, len(name) - len(word))
            elif len(word) == 1 and len(name) > 1 and name.endswith(word):
                score = ONE_BLOCK - min(8.0, len(name))
            elif len(name) > 1 and word.startswith(name):
                score = PART_OF_QUERY - min(12.0, 2.0 * (len(word) - len(name)))
            else:
                continue
            yield term.entry, score * weight - _handicap(term)

    def _mistyped(self, word: str, weight: float) -> Iterator[tuple[Entry, float]]:
        keys = keystrokes(word)
        cutoff = SHORT_CUTOFF if len(keys) <= SHORT_KEYS else CUTOFF
        found = process.extract(keys, self._keys, scorer=fuzz.ratio, score_cutoff=cutoff, limit=60)
        for _, similarity, number in found:
            term = self._typed[number]
            yield term.entry, similarity * FUZZY * weight - _handicap(term)

    def _abbreviated(self, letters: str) -> Iterator[tuple[Entry, float]]:
        for term, shape in zip(self._terms, self._initials, strict=True):
            if shape == letters:
                yield term.entry, INITIALS + 10 - _handicap(term)
            elif len(letters) > 1 and shape.startswith(letters):
                yield term.entry, INITIALS - _handicap(term)


def _names(entry: Entry) -> Iterable[str]:
    for name in entry.names:
        yield name
        yield stem(name)


def _handicap(term: _Term) -> float:
    return (EVERYDAY if term.everyday else 0.0) + (GENERAL if term.entry.general else 0.0)
