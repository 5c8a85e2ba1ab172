"""The search: what a question names, and the rule documents it is about, best first."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from streaming.chat.retrieval import sections, tokens
from streaming.chat.retrieval.bm25 import Bm25
from streaming.chat.retrieval.mending import Mender
from streaming.knowledge import Item, Knowledge, Match, RuleDocument

MOST_HITS: Final = 3

NAMED: Final = 1.0
"""Quality of a thing that is named down to its kind."""
CLASS: Final = 0.92
"""Only its class is named."""
SEVERAL: Final = 0.72
"""The word means several things."""
EARLIER: Final = 0.9
"""Factor for a thing an earlier message named."""
MOST_BY_WORDS: Final = 0.65
"""Highest quality of documents that share words with the question while no thing is named."""
NOT_COVERED: Final = 0.1
"""Quality of whatever is found for a thing the rules say nothing about."""


_PART_OFF: Final = re.compile(
    r"(?:라벨|상표|스티커|뚜껑|마개|테이프|빨대|송장|손잡이)\S{0,2}\s*(?:꼭|다|따로)?\s*(?:떼|뗴|분리해야|제거|벗기|빼)"
)
"""A part that is asked to be taken off: not what is thrown out, but something on it."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A document, and the section that fits best."""

    document: RuleDocument
    section: str
    score: float
    """For ordering within one answer only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a question is about."""

    item: Item | None = None
    """The thing that is meant; None when it is unknown or could be several."""
    candidates: tuple[Item, ...] = ()
    word: str = ""
    """The user's word for it, folded and mended."""
    goes_to: tuple[str, ...] = ()
    """Ids of the documents that take it, when its own stream refuses it."""
    hits: tuple[Hit, ...] = ()
    """Best first, at most :data:`MOST_HITS`, one a document."""
    quality: float = 0.0
    """0–1: how well the best hit fits; :mod:`streaming.chat.feedback` makes its levels from it."""
    not_covered: str = ""
    """The thing asked for that no rule speaks of; empty when there is none."""


class Search:
    """Looks questions up in the rule documents. Built once a process, then only read."""

    def __init__(self, knowledge: Knowledge) -> None:
        self._knowledge = knowledge
        self._sections = tuple(sections.sections_of(knowledge))
        fold = knowledge.fold
        bags = [list(tokens.tokens(part.text, fold)) for part in self._sections]
        self._bm25 = Bm25(bags)
        self._words_of: dict[str, set[str]] = defaultdict(set)
        for part, bag in zip(self._sections, bags, strict=True):
            self._words_of[part.document.id].update(bag)
        self._vocabulary = frozenset(
            word for part in self._sections for word in tokens.content_words(part.text, fold)
        )
        self._mender = Mender(sorted(self._vocabulary))

    def find(self, question: str, earlier: Sequence[str] = (), seen: Item | None = None) -> Found:
        """What ``question`` is about.

        ``earlier`` are the user's messages before it, latest first: they tell what a question that
        names nothing goes on about. ``seen`` is what a picture shows.
        """
        question = _PART_OFF.sub(" ", question)
        if (thing := self._not_covered(question)) and self._knowledge.match(question).item is None:
            return Found(not_covered=thing, quality=NOT_COVERED)
        named, text, sureness = self._named(question)
        if named.item is None and not named.candidates and seen is not None:
            named, sureness = Match(item=seen), 1.0
        carried: tuple[Match, float] | None = None
        for message in earlier:
            past, _, past_sureness = self._named(message)
            if past.item is not None or past.candidates:
                carried = (past, past_sureness * EARLIER)
                break
        if named.item is None and not named.candidates and carried is not None:
            named, sureness = carried
            carried = None
        return self._found(named, sureness, text, carried[0] if carried else Match())

    # -- what is named ----------------------------------------------------------------------------

    def _named(self, question: str) -> tuple[Match, str, float]:
        """The match of a question, mended where it names nothing; with the text that was read and
        how sure the reading is.
        """
        match = self._knowledge.match(question)
        if match.item is not None or match.candidates:
            return match, question, 1.0
        mended, sureness = question, 1.0
        for word in tokens.content_words(question, self._knowledge.fold):
            if word in self._vocabulary or (better := self._mender.mend(word)) is None:
                continue
            mended, sureness = f"{mended} {better[0]}", min(sureness, better[1])
            again = self._knowledge.match(better[0])
            if again.item is not None or again.candidates:
                return again, mended, sureness
        return Match(), mended, sureness

    def _not_covered(self, question: str) -> str:
        folded = self._knowledge.fold(question)
        for thing in self._knowledge.taxonomy.not_covered:
            if self._knowledge.fold(thing) in folded:
                return thing
        return ""

    # -- which documents --------------------------------------------------------------------------

    def _found(self, match: Match, sureness: float, text: str, further: Match) -> Found:
        by_words = self._by_words(text)
        known = {hit.document.id: hit for hit in by_words}
        first = [
            self._hit(document, match, known.get(document.id))
            for document in self._documents(match)
        ]
        # what an earlier message named goes before what merely shares words
        carried = [
            self._hit(document, further, known.get(document.id))
            for document in self._documents(further)
        ]
        hits = tuple(_distinct([*first, *carried, *by_words])[:MOST_HITS])
        if match.item is not None:
            quality = (NAMED if match.item.minor or match.goes_to else CLASS) * sureness
        elif match.candidates:
            quality = SEVERAL * sureness
        else:
            quality = self._coverage(text, hits)
        return Found(
            item=match.item,
            candidates=match.candidates,
            word=match.word,
            goes_to=match.goes_to,
            hits=hits,
            quality=quality if hits else 0.0,
        )

    def _hit(self, document: RuleDocument, match: Match, by_words: Hit | None) -> Hit:
        """The document of a thing that is named, with the section that speaks of it."""
        score = by_words.score if by_words is not None else 0.0
        names = [match.word, *(item.minor for item in _items(match) if item.minor)]
        for name in names:
            if (refusal := self._knowledge.redirect(document, name)) is not None:
                return Hit(document, f"{sections.REFUSED}: {refusal.item}", score)
        if by_words is not None and by_words.section != sections.COVERS:
            return by_words
        for case in document.cases:
            if not set(case.minors).isdisjoint(names):
                return Hit(document, f"{sections.STEPS}: {case.name}", score)
        return Hit(document, sections.STEPS if document.common_steps else sections.COVERS, score)

    def _documents(self, match: Match) -> list[RuleDocument]:
        """The documents of what is named, then those that take it instead."""
        found = [
            document
            for item in _items(match)
            if (document := self._knowledge.rule_for(item.major, item.middle)) is not None
        ]
        found.extend(self._knowledge.documents[name] for name in match.goes_to)
        return _unique(found)

    def _by_words(self, text: str) -> list[Hit]:
        """Documents by their best section, best first."""
        scores = self._bm25.scores(tokens.tokens(text, self._knowledge.fold))
        best: dict[str, Hit] = {}
        for number, score in sorted(scores.items(), key=lambda entry: -entry[1]):
            part = self._sections[number]
            best.setdefault(part.document.id, Hit(part.document, part.name, score))
        return list(best.values())

    def _coverage(self, text: str, hits: Sequence[Hit]) -> float:
        """Share of the question's meaning that the best document's words cover."""
        if not hits:
            return 0.0
        asked = set(tokens.content_words(text, self._knowledge.fold))
        total = sum(map(self._bm25.weight, asked))
        there = self._words_of[hits[0].document.id]
        covered = sum(self._bm25.weight(word) for word in asked if word in there)
        return MOST_BY_WORDS * covered / total if total else 0.0


def _items(match: Match) -> tuple[Item, ...]:
    return (match.item,) if match.item is not None else match.candidates


def _unique(documents: Iterable[RuleDocument]) -> list[RuleDocument]:
    return list({document.id: document for document in documents}.values())


def _distinct(hits: Iterable[Hit]) -> list[Hit]:
    found: dict[str, Hit] = {}
    for hit in hits:
        found.setdefault(hit.document.id, hit)
    return list(found.values())
