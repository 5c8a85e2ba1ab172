"""The catalogue of characters and the rules it keeps. Pure."""

from __future__ import annotations

import re
import unicodedata
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

MOST_CHARACTERS: Final = 500
MOST_ALIASES: Final = 20
LENGTHS: Final = {"code": 64, "name": 64, "type": 200, "dialog": 500, "match": 64, "aliases": 32}
"""Longest text of each field, in characters."""

_CODE: Final = re.compile(r"char-[a-z0-9]+(?:-[a-z0-9]+)*")


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a catalogue."""

    index: int | None
    """Which character, from 0; None for the catalogue as a whole."""
    field: str
    text: str

    def __str__(self) -> str:
        where = "characters" if self.index is None else f"characters[{self.index}].{self.field}"
        return f"{where}: {self.text}"


class CatalogueError(Exception):
    """The characters make no catalogue; the text names each entry and field."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("; ".join(map(str, problems)))
        self.problems = tuple(problems)


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
    aliases: tuple[str, ...] = ()
    """What else it is called."""

    @property
    def character_id(self) -> str:
        """UUID."""
        return character_id(self.code)

    @property
    def default(self) -> bool:
        """Whether every user starts with it."""
        return self.match is None

    @property
    def names(self) -> tuple[str, ...]:
        """Everything it goes by in a sentence."""
        return (self.name, *self.aliases, *(() if self.match is None else (self.match,)))


@dataclass(frozen=True)
class Catalogue:
    """Characters that keep the rules, in the order they are shown."""

    characters: tuple[Character, ...]

    @classmethod
    def of(cls, characters: Sequence[Character]) -> Catalogue:
        """The catalogue of these characters; :class:`CatalogueError` when they make none."""
        if found := problems(characters):
            raise CatalogueError(found)
        return cls(tuple(characters))

    @property
    def default(self) -> Character:
        """The character every user starts with."""
        return next(character for character in self.characters if character.default)

    def matching(self, middle_category: str) -> Character | None:
        """The character that a middle category earns."""
        return self._by_match.get(middle_category)

    def named(self, name: str) -> Character | None:
        """The character of a name, an alias, a match label or a code."""
        return self.by_name.get(folded(name))

    @cached_property
    def _by_match(self) -> dict[str, Character]:
        return {character.match: character for character in self.characters if character.match}

    @cached_property
    def by_name(self) -> dict[str, Character]:
        """Characters by everything they go by, folded."""
        found = {folded(character.code): character for character in self.characters}
        for character in self.characters:
            found.update(dict.fromkeys(map(folded, character.names), character))
        return found


def folded(name: str) -> str:
    """A name as it is compared: without white space, case and ways to encode it."""
    return "".join(unicodedata.normalize("NFKC", name).casefold().split())


def problems(characters: Sequence[Character]) -> list[Problem]:
    """What speaks against a catalogue of these characters; empty when nothing does."""
    found: list[Problem] = []
    if len(characters) > MOST_CHARACTERS:
        return [Problem(None, "", f"at most {MOST_CHARACTERS}, got {len(characters)}")]
    for index, character in enumerate(characters):
        found.extend(_own_problems(index, character))
    found.extend(_repetitions(characters))
    defaults = [index for index, character in enumerate(characters) if character.default]
    if not defaults:
        found.append(Problem(None, "", "one must be the default character, and none is"))
    found.extend(
        Problem(index, "match", "a second default character; give it what it is earned by")
        for index in defaults[1:]
    )
    return found


def _own_problems(index: int, character: Character) -> Iterator[Problem]:
    """What is wrong with one character by itself."""
    if not _CODE.fullmatch(character.code):
        yield Problem(index, "code", 'must be like "char-petty"')
    texts = {field: getattr(character, field) for field in ("code", "name", "type", "dialog")}
    if character.match is not None:
        texts["match"] = character.match
    for field, text in texts.items():
        if objection := _objection(text, LENGTHS[field]):
            yield Problem(index, field, objection)
    for alias in character.aliases:
        if objection := _objection(alias, LENGTHS["aliases"]):
            yield Problem(index, "aliases", objection)
    if len(character.aliases) > MOST_ALIASES:
        yield Problem(index, "aliases", f"must be at most {MOST_ALIASES}")


def _objection(text: str, longest: int) -> str | None:
    if not text.strip():
        return "must not be blank"
    if text != text.strip():
        return "must not begin or end with white space"
    if len(text) > longest:
        return f"must have at most {longest} characters, has {len(text)}"
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in text):
        return "must not contain control characters"
    return None


def _repetitions(characters: Sequence[Character]) -> Iterator[Problem]:
    """Codes, match labels and names that two characters share."""
    for field in ("code", "match"):
        counts = Counter(getattr(character, field) for character in characters)
        for index, character in enumerate(characters):
            value = getattr(character, field)
            if value is not None and counts[value] > 1:
                yield Problem(index, field, f"{value!r} is used {counts[value]} times")
    owners: dict[str, int] = {}
    for index, character in enumerate(characters):
        for name in dict.fromkeys(character.names):
            owner = owners.setdefault(folded(name), index)
            if owner != index and name != character.match:
                field = "name" if name == character.name else "aliases"
                yield Problem(index, field, f"{name!r} is what characters[{owner}] goes by")
