"""The words that tell a class, loaded from ``lexicon.yaml`` and checked once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import yaml

from streaming.knowledge.jamo import letters

_FILE: Final = Path(__file__).with_name("lexicon.yaml")
_KEYS: Final = {"term", "pattern", "for", "whole", "exact", "minor"}


class LexiconError(ValueError):
    """The data file contradicts itself; the message names the entry."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """One entry: a word (or a pattern) and what it speaks for."""

    text: str
    letters: str
    """``text`` taken apart; empty for a pattern."""

    pattern: re.Pattern[str] | None
    weights: Mapping[str, float]
    """Evidence per class; empty for a decoy."""

    minors: Mapping[str, str]
    """Item the term names, per class."""

    whole: bool
    exact: bool

    @property
    def tolerance(self) -> float:
        """Highest :func:`~streaming.knowledge.jamo.distance` at which it still counts as read.

        Grows with length: nothing below six letters, one wrong letter from eight on, two from
        twelve. Chosen on the pictures to tune on.
        """
        if self.whole or self.exact:
            return 0.0
        return max(0.0, (len(self.letters) - 4) * 0.28)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lexicon:
    """Everything the reader knows about words."""

    version: str
    classes: Mapping[str, str]
    """Class → major."""

    terms: tuple[Term, ...]
    parts: tuple[str, ...]
    """Words after which a mark belongs to a part of the package."""


def _minors(entry: Mapping[str, Any], weights: Mapping[str, float]) -> dict[str, str]:
    given = entry.get("minor")
    if given is None:
        return {}
    if isinstance(given, str):
        return {name: given for name, weight in weights.items() if weight > 0}
    return dict(given)


def _term(entry: Mapping[str, Any], classes: Mapping[str, str]) -> Term:
    text = str(entry.get("term") or entry.get("pattern") or "")
    if unknown := set(entry) - _KEYS:
        raise LexiconError(f"{text or entry}: unknown keys {sorted(unknown)}")
    if ("term" in entry) == ("pattern" in entry) or not text:
        raise LexiconError(f"{entry}: exactly one of term and pattern")
    weights = {str(name): float(weight) for name, weight in entry["for"].items()}
    minors = _minors(entry, weights)
    for name in (*weights, *minors):
        if name not in classes:
            raise LexiconError(f"{text}: unknown class {name}")
    if not any(weight > 0 for weight in weights.values()):
        raise LexiconError(f"{text}: speaks for nothing")
    is_pattern = "pattern" in entry
    spelled = "" if is_pattern else letters(text)
    whole, exact = bool(entry.get("whole", False)), bool(entry.get("exact", False))
    if not is_pattern and len(spelled) < 6 and not (whole or exact):
        raise LexiconError(f"{text}: fewer than six letters, so whole or exact has to be set")
    return Term(
        text=text,
        letters=spelled,
        pattern=re.compile(text) if is_pattern else None,
        weights=MappingProxyType(weights),
        minors=MappingProxyType(minors),
        whole=whole,
        exact=exact,
    )


def parse(text: str) -> Lexicon:
    """A lexicon from YAML; :class:`LexiconError` names the first entry that makes no sense."""
    raw = yaml.safe_load(text)
    classes = {str(name): str(major) for name, major in raw["classes"].items()}
    terms = [_term(entry, classes) for entry in raw["terms"]]
    known = [term.text for term in terms]
    if twice := {name for name in known if known.count(name) > 1}:
        raise LexiconError(f"listed twice: {sorted(twice)}")
    silent = set(classes) - {
        name for term in terms for name, weight in term.weights.items() if weight >= 3
    }
    if silent:
        raise LexiconError(f"no term decides for {sorted(silent)}")
    nothing: Mapping[str, float] = MappingProxyType({})
    no_minor: Mapping[str, str] = MappingProxyType({})
    terms += [
        Term(
            text=word,
            letters=letters(word),
            pattern=None,
            weights=nothing,
            minors=no_minor,
            whole=False,
            exact=False,
        )
        for word in raw["decoys"]
    ]
    return Lexicon(
        version=str(raw["version"]),
        classes=MappingProxyType(classes),
        terms=tuple(terms),
        parts=tuple(raw["parts"]),
    )


@lru_cache(maxsize=1)
def load() -> Lexicon:
    """The lexicon that ships with the reader, parsed once a process."""
    return parse(_FILE.read_text("utf-8"))
