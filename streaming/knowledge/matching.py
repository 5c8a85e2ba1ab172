"""Finding the thing a user's question is about.

Every name, spelling and everyday word of the taxonomy, and every item a rule document refuses, is
a key of one index. In a question all keys are looked up at once; of overlapping ones the longest
wins (``종이컵`` over ``컵``), and of the rest the one whose grammar makes it the subject. A word
that means several things stays several things unless another word of the question decides.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from itertools import zip_longest
from typing import Final

from streaming.knowledge import korean
from streaming.knowledge.classes import Item, Match
from streaming.knowledge.folding import Folder
from streaming.knowledge.korean import Role

MAX_TEXT_CHARACTERS: Final = 1000
"""How much of a question is read; the rest of a longer one is ignored."""


class Rank(IntEnum):
    """How a key is tied to an item; a lower rank hides a higher one under the same key."""

    NAME = 0
    """Name, entry or spelling variant."""
    STEM = 1
    """A name without its bracketed remark: 쿠션(대형) → 쿠션."""
    WORD = 2
    """An everyday word."""
    REFUSED = 3
    """An item only a rule document's list of things not accepted knows."""
    QUALIFIED = 4
    """An everyday word that means this only beside a qualifier: 비닐, when 더러운 stands by."""


@dataclass(frozen=True, slots=True)
class Sense:
    """One meaning of a key. ``item`` is None for things the rules say nothing about."""

    rank: Rank
    item: Item | None
    qualifiers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Hit:
    start: int
    end: int
    key: str
    role: Role
    joins: bool
    candidates: tuple[Item, ...]


class Index:
    """All keys with their meanings. Filled once, then only read."""

    def __init__(self, fold: Folder) -> None:
        self._fold = fold
        self._senses: dict[str, list[Sense]] = defaultdict(list)
        self._lengths: tuple[int, ...] = ()

    def add(
        self, texts: Iterable[str], rank: Rank, item: Item | None, qualifiers: Iterable[str] = ()
    ) -> None:
        """Let every one of ``texts`` mean ``item``."""
        sense = Sense(rank, item, tuple(self._fold(word) for word in qualifiers))
        for text in texts:
            key = self._fold(text)
            if key and sense not in self._senses[key]:
                self._senses[key].append(sense)
        self._lengths = ()

    @property
    def senses(self) -> Mapping[str, list[Sense]]:
        """Every key with its meanings, for reports."""
        return self._senses

    def find(self, text: str) -> Match:
        """What ``text`` names. ``goes_to`` is not filled here: that is the rule documents' say."""
        words = [w for w in map(self._fold, _words(text[:MAX_TEXT_CHARACTERS])) if w]
        named = self._hits(words)
        hits = _without_modifiers(named)
        if not hits:
            return Match()
        best = max(hits, key=lambda hit: (hit.role, len(hit.key), hit.start))
        peers = [hit for hit in hits if hit.role is not Role.DESCRIBES and hit.candidates]
        if any(hit.joins for hit in peers[:-1]) or sum(hit.role is Role.TOPIC for hit in peers) > 1:
            several = dict.fromkeys(item for hit in peers for item in hit.candidates)
            if len({item.of_class for item in several}) > 1:
                return Match(candidates=tuple(several), word=best.key)
        if len(best.candidates) == 1:
            return Match(item=_finest(best.candidates[0], named), word=best.key)
        return Match(candidates=best.candidates, word=best.key)

    def _hits(self, words: list[str]) -> list[_Hit]:
        """Keys found in the question that do not overlap, in its order."""
        text = "".join(words)
        word_at = [number for number, word in enumerate(words) for _ in word]
        ends: list[int] = []
        for word in words:
            ends.append((ends[-1] if ends else 0) + len(word))
        lengths = self._known_lengths()
        spans: list[tuple[int, int]] = []
        for start in range(len(text)):
            begins_word = start == 0 or word_at[start] != word_at[start - 1]
            limit = len(text) if begins_word else ends[word_at[start]]
            for length in lengths:
                end = start + length
                if end > limit or (length == 1 and not begins_word):
                    continue
                if text[start:end] not in self._senses:
                    continue
                if korean.tail_allows(text[start:end], text[end : ends[word_at[end - 1]]]):
                    spans.append((start, end))
        taken: list[tuple[int, int]] = []
        for start, end in sorted(spans, key=lambda span: (span[0] - span[1], span[0])):
            if all(end <= other_start or start >= other_end for other_start, other_end in taken):
                taken.append((start, end))
        found = []
        for start, end in sorted(taken):
            last = word_at[end - 1]
            rest = text[end : ends[last]]
            following = words[last + 1 : last + 4]
            candidates = self._meanings(text[start:end], _Surroundings(words, text, start, end))
            if candidates is None:
                continue
            found.append(
                _Hit(
                    start=start,
                    end=end,
                    key=text[start:end],
                    role=korean.role(rest, following),
                    joins=korean.joins(rest, following[0] if following else ""),
                    candidates=candidates,
                )
            )
        return found

    def _known_lengths(self) -> tuple[int, ...]:
        if not self._lengths:
            self._lengths = tuple(sorted({len(key) for key in self._senses}, reverse=True))
        return self._lengths

    def _meanings(self, key: str, around: _Surroundings) -> tuple[Item, ...] | None:
        """The items a key can mean here; empty for a thing the rules say nothing about, None when
        the key means nothing without a qualifier.
        """
        senses = self._senses[key]
        pool = [sense for sense in senses if any(map(around.have, sense.qualifiers))]
        if not pool:
            plain = [sense for sense in senses if sense.rank is not Rank.QUALIFIED]
            if not plain:
                return None
            first = min(sense.rank for sense in plain)
            pool = [sense for sense in plain if sense.rank == first]
        items = tuple(dict.fromkeys(sense.item for sense in pool if sense.item is not None))
        if len(items) > 1 and len({item.of_class for item in items}) == 1:
            return (Item(*items[0].of_class),)
        return items


@dataclass(frozen=True, slots=True)
class _Surroundings:
    """What stands around a key in the question."""

    words: list[str]
    text: str
    start: int
    end: int

    def have(self, qualifier: str) -> bool:
        """Whether ``qualifier`` stands there; a short one only at the beginning of a word."""
        if len(qualifier) > 1:
            return qualifier in self.text[: self.start] or qualifier in self.text[self.end :]
        return any(word.startswith(qualifier) for word in self.words)


def _without_modifiers(hits: list[_Hit]) -> list[_Hit]:
    """Drop nouns that only modify the noun right after them: ``우유팩 빨대`` is a straw."""
    kept = []
    for hit, following in zip_longest(hits, hits[1:]):
        modifies = (
            following is not None
            and following.start == hit.end
            and following.role not in (Role.DESCRIBES, Role.PREDICATE)
            and not hit.joins
        )
        if not modifies:
            kept.append(hit)
    return kept


def _finest(item: Item, named: list[_Hit]) -> Item:
    """``item``, or the one minor of its class that the question names as well: 꽁치 통조림 캔."""
    if item.minor is not None:
        return item
    minors = {
        hit.candidates[0]
        for hit in named
        if len(hit.candidates) == 1
        and hit.candidates[0].of_class == item.of_class
        and hit.candidates[0].minor is not None
    }
    return minors.pop() if len(minors) == 1 else item


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.replace("_", " "))


def stem(name: str) -> str:
    """A name without its bracketed remark."""
    return re.sub(r"\s*\([^)]*\)", "", name).strip()
