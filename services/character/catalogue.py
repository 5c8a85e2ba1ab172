"""The catalogue: a data file, loaded once and validated."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import yaml

FILE = Path(__file__).with_name("catalogue.yaml")


class CatalogueError(Exception):
    """The catalogue file can't be used; the message names the entry and the field."""


def character_id(code: str) -> str:
    """UUID of a character, derived from its code so that every replica agrees on it."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, code))


@dataclass(frozen=True, slots=True)
class Character:
    """One character."""

    code: str
    name: str
    type: str
    dialog: str
    match: str | None
    """Middle category that earns it; None for the default character."""
    default: bool

    @property
    def character_id(self) -> str:
        """UUID."""
        return character_id(self.code)


@dataclass(frozen=True)
class Catalogue:
    """Every character, in the order of the file."""

    characters: tuple[Character, ...]

    @property
    def default(self) -> Character:
        """The character every user starts with."""
        return next(character for character in self.characters if character.default)

    def matching(self, middle_category: str) -> Character | None:
        """The character that a middle category earns."""
        return self._by_match.get(middle_category)

    @cached_property
    def _by_match(self) -> dict[str, Character]:
        return {character.match: character for character in self.characters if character.match}


def parse(document: Any) -> Catalogue:
    """The catalogue of a parsed file; CatalogueError for anything missing or repeated."""
    if not isinstance(document, dict) or not isinstance(document.get("characters"), list):
        raise CatalogueError("characters: must be a list")
    characters = tuple(
        _character(index, entry) for index, entry in enumerate(document["characters"])
    )
    for field in ("code", "name", "match"):
        values = [getattr(character, field) for character in characters]
        repeated = {value for value in values if value is not None and values.count(value) > 1}
        if repeated:
            raise CatalogueError(f"{field}: used more than once: {', '.join(sorted(repeated))}")
    if sum(character.default for character in characters) != 1:
        raise CatalogueError("default: exactly one character must have it")
    return Catalogue(characters)


def _character(index: int, entry: Any) -> Character:
    if not isinstance(entry, dict):
        raise CatalogueError(f"characters[{index}]: must be a mapping")
    missing = [name for name in ("code", "name", "type", "dialog") if not entry.get(name)]
    if missing:
        raise CatalogueError(f"characters[{index}]: {', '.join(missing)} missing")
    default = bool(entry.get("default", False))
    match = entry.get("match")
    if default == (match is not None):
        raise CatalogueError(f"characters[{index}]: needs either default or match")
    return Character(
        entry["code"], entry["name"], entry["type"], entry["dialog"].strip(), match, default
    )


@cache
def load() -> Catalogue:
    """The catalogue of this release."""
    return parse(yaml.safe_load(FILE.read_text(encoding="utf-8")))
