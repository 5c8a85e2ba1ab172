"""What a user's own words, or the class itself, say about the state of a thing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Final

import yaml

_FILE: Final = Path(__file__).parent / "data" / "situations.yaml"


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
