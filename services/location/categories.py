"""Categories of places: the lists on the wire, and the rules that read them off texts. Pure.

The words are data (``categories.yaml``); this module says how they are applied.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Final

import yaml

STORES: Final = (
    "refill_zero", "cafe_bakery", "vegan_dining", "upcycle_recycle", "book_workshop",
    "market_mart", "lodging", "public_dropbox", "general",
)  # fmt: skip
"""Store categories, as the app names them."""

PICKUPS: Final = (
    "clear_pet", "colored_pet", "can", "paper", "plastic", "glass", "textile", "electronics",
    "general",
)  # fmt: skip
"""Pick-up categories, in the order in which a place lists its own."""

GENERAL: Final = "general"
ALL: Final = "all"

_DATA: Final = Path(__file__).with_name("categories.yaml")
_ITEM_ENDS: Final = re.compile(r"[\s,;·ㆍ・/|()\[\]+&]+")
_COLOUR_APART: Final = re.compile(r"(유색|무색|투명|컬러|칼라|판)\s+(?=페트|패트|pet|플라스틱)")


class UnknownCategoryError(ValueError):
    """A name that is not in the list; the message names it."""


@dataclass(frozen=True, slots=True)
class Word:
    """A word that tells a category, except inside some phrases."""

    text: str
    exceptions: tuple[str, ...] = ()

    @classmethod
    def of(cls, entry: str | Mapping[str, Any]) -> Word:
        """The word an entry of the data file means."""
        if isinstance(entry, str):
            return cls(entry)
        return cls(entry["word"], tuple(entry["except"]))

    def counts(self, text: str) -> bool:
        """Whether it stands in the lower-cased `text`, which has its letters, as a word that
        tells something.
        """
        if self.text.isascii():
            return _latin(self.text).search(text) is not None
        for phrase in self.exceptions:
            text = text.replace(phrase, "\n")
        return self.text in text


@cache
def _latin(word: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![a-z]){re.escape(word)}(?![a-z])")


@dataclass(frozen=True, slots=True)
class Rule:
    """A category and groups of words, of each of which one must hit."""

    category: str
    groups: tuple[tuple[tuple[str, Word], ...], ...]
    """Words with their letters, which are looked for first: hardly any stands in a given text."""

    def hits(self, text: str) -> bool:
        """Whether every group has a hit in the lower-cased `text`."""
        for group in self.groups:
            for letters, word in group:
                if letters in text and word.counts(text):
                    break
            else:
                return False
        return True


@dataclass(frozen=True, slots=True)
class Rules:
    """Both lists of rules, in the order in which they are tried."""

    store: tuple[Rule, ...]
    pickup: tuple[Rule, ...]


@cache
def rules() -> Rules:
    """The rules of the data file; ValueError when it names a category that is not in the lists."""
    data = yaml.safe_load(_DATA.read_text(encoding="utf-8"))
    store = tuple(_rule(entry["category"], [entry["words"]], STORES) for entry in data["store"])
    pickup = tuple(_rule(entry["category"], entry["all"], PICKUPS) for entry in data["pickup"])
    return Rules(store, pickup)


def _rule(category: str, groups: Iterable[Sequence[Any]], allowed: Sequence[str]) -> Rule:
    if category not in allowed:
        raise ValueError(f"{category!r} is not one of {', '.join(allowed)}")
    words = ([Word.of(entry) for entry in group] for group in groups)
    return Rule(category, tuple(tuple((word.text, word) for word in group) for group in words))


def store_category(texts: Iterable[str]) -> str:
    """What a place is, by the texts that describe it (name, note, addresses, introduction).

    Texts are set apart by a space, so that a word that needs one before it may begin a text.
    """
    joined = _folded(" " + " ".join(filter(None, texts)))
    for rule in rules().store:
        if rule.hits(joined):
            return rule.category
    return GENERAL


def pickup_categories(items: str) -> tuple[str, ...]:
    """What a place takes, by its list of items; ``("general",)`` when nothing is recognised."""
    text = _COLOUR_APART.sub(r"\1", _folded(items))
    found = {_pickup_of(item) for item in _ITEM_ENDS.split(text) if item}
    return tuple(name for name in PICKUPS if name in found) or (GENERAL,)


@lru_cache(maxsize=4096)
def _pickup_of(item: str) -> str | None:
    return next((rule.category for rule in rules().pickup if rule.hits(item)), None)


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).lower()


def chosen(text: str, allowed: Sequence[str]) -> tuple[str, ...]:
    """The categories of a comma list; empty when any will do (blank, or ``all`` among them).

    UnknownCategoryError for a name that is not in `allowed`.
    """
    names = [name for part in text.split(",") if (name := part.strip().lower())]
    for name in names:
        if name != ALL and name not in allowed:
            raise UnknownCategoryError(name)
    return () if ALL in names else tuple(dict.fromkeys(names))


def known(names: Iterable[str], allowed: Sequence[str]) -> tuple[str, ...]:
    """Those of `names` that are in `allowed`; others do not filter."""
    return tuple(dict.fromkeys(name for name in names if name in allowed))
