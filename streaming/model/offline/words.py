"""What the user's own words add to the photo: the item they name and the state they describe."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Final

import yaml

from streaming.knowledge import Item, Match
from streaming.model.offline.evidence import Verdict

_FILE: Final = Path(__file__).with_name("situations.yaml")

AGREED_CONFIDENCE: Final = 0.97
"""Photo and words name the same class."""

SAID_CONFIDENCE: Final = 0.8
"""Only the words name a class. People know what they hold, though not always what it is made of."""

CONTRADICTED_CONFIDENCE: Final = 0.55
"""The words name another class than the photo. They win: it may show a box or a part."""


NOTHING: Final = Match()
"""The words name nothing."""


@dataclass(frozen=True, slots=True)
class _Saying:
    pattern: re.Pattern[str]
    unless: re.Pattern[str] | None
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Situations:
    """``situations.yaml``."""

    said: tuple[_Saying, ...]
    always: Mapping[str, tuple[str, ...]]

    @property
    def tags(self) -> frozenset[str]:
        """Every tag the file may give."""
        return frozenset(
            tag for tags in (*(s.tags for s in self.said), *self.always.values()) for tag in tags
        )


@lru_cache(maxsize=1)
def situations() -> Situations:
    """The patterns and tags, loaded once a process."""
    raw = yaml.safe_load(_FILE.read_text("utf-8"))
    said = tuple(
        _Saying(
            re.compile(entry["says"]),
            re.compile(entry["unless"]) if "unless" in entry else None,
            tuple(entry["tags"]),
        )
        for entry in raw["said"]
    )
    always = {str(name): tuple(tags) for name, tags in raw["always"].items()}
    return Situations(said, MappingProxyType(always))


def tags_said(question: str) -> tuple[str, ...]:
    """Situation tags the user's words describe."""
    found: dict[str, None] = {}
    for saying in situations().said:
        if saying.unless is not None and saying.unless.search(question):
            continue
        if saying.pattern.search(question):
            found.update(dict.fromkeys(saying.tags))
    return tuple(found)


def tags_of(middle: str, minor: str | None) -> tuple[str, ...]:
    """Situation tags that hold for everything of the class or the item."""
    always = situations().always
    return (*always.get(middle, ()), *always.get(minor or "", ()))


@dataclass(frozen=True, slots=True)
class Told:
    """A class, and how it came to be told."""

    item: Item
    confidence: float


def is_about_a_part(match: Match, question: str, parts: tuple[str, ...], seen: str | None) -> bool:
    """Whether the words only speak of a part of the photographed thing.

    라벨은 뗐어요 says what was done to it; 라벨은요? asks about it when the photo shows (`seen`)
    what it belongs to, and names the thing itself when the photo shows nothing.
    """
    names_part = any(part in match.word for part in parts)
    return names_part and (seen is not None or bool(tags_said(question)))


def combined(verdict: Verdict, majors: Mapping[str, str], match: Match) -> Told | None:
    """Photo and words brought together; None when neither tells.

    `majors` gives the major of a class the photo can show.
    """
    seen = verdict.middle
    if match.item is not None:
        item = match.item
        if seen is None:
            return Told(item, SAID_CONFIDENCE)
        if item.middle != seen:
            return Told(item, CONTRADICTED_CONFIDENCE)
        minor = item.minor or verdict.minor
        confidence = max(AGREED_CONFIDENCE, verdict.confidence)
        return Told(Item(item.major, item.middle, minor), confidence)
    if match.candidates:
        fitting = [item for item in match.candidates if item.middle == seen]
        if fitting:
            minor = fitting[0].minor if len(fitting) == 1 else None
            named = Item(fitting[0].major, fitting[0].middle, minor or verdict.minor)
            return Told(named, max(AGREED_CONFIDENCE, verdict.confidence))
    if seen is None:
        return None
    return Told(Item(majors[seen], seen, verdict.minor), verdict.confidence)
