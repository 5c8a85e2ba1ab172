"""What turns one catalogue into another. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from eco2.pipeline.v1.character_catalogue_pb2 import CharacterStated

from services.character.catalogue import Character

_COMPARED: Final = ("name", "type", "dialog", "match", "aliases", "position")


@dataclass(frozen=True, slots=True)
class Stated:
    """A character as the catalogue has it, retired ones included."""

    character: Character
    position: int
    retired: bool
    revision: int
    """Revision of the catalogue that made it so."""

    def message(self) -> CharacterStated:
        """The same, as it travels."""
        return CharacterStated(
            code=self.character.code,
            name=self.character.name,
            type=self.character.type,
            dialog=self.character.dialog,
            match=self.character.match,
            aliases=self.character.aliases,
            position=self.position,
            retired=self.retired,
            revision=self.revision,
        )

    @classmethod
    def of(cls, told: CharacterStated) -> Stated:
        """What a message states."""
        character = Character(
            told.code,
            told.name,
            told.type,
            told.dialog,
            told.match if told.HasField("match") else None,
            tuple(told.aliases),
        )
        return cls(character, told.position, told.retired, told.revision)


@dataclass(frozen=True, slots=True)
class Change:
    """One difference."""

    code: str
    name: str
    action: str
    """``added``, ``changed``, ``retired`` or ``restored``."""
    fields: tuple[str, ...] = ()


def difference(
    known: Mapping[str, Stated], wanted: Sequence[Character], revision: int
) -> tuple[list[Change], list[Stated]]:
    """What changes when the catalogue becomes `wanted`, and what is to be stated for it.

    Characters that `wanted` leaves out are retired; none is ever dropped.
    """
    changes: list[Change] = []
    stated: list[Stated] = []
    for position, character in enumerate(wanted):
        now = Stated(character, position, retired=False, revision=revision)
        before = known.get(character.code)
        if before is None:
            changes.append(Change(character.code, character.name, "added"))
        else:
            fields = _differing(before, now)
            if not fields and not before.retired:
                continue
            action = "restored" if before.retired else "changed"
            changes.append(Change(character.code, character.name, action, fields))
        stated.append(now)
    kept = {character.code for character in wanted}
    for code, before in known.items():
        if code not in kept and not before.retired:
            changes.append(Change(code, before.character.name, "retired"))
            stated.append(replace(before, retired=True, revision=revision))
    return changes, stated


def _differing(before: Stated, now: Stated) -> tuple[str, ...]:
    def value(stated: Stated, field: str) -> object:
        return stated.position if field == "position" else getattr(stated.character, field)

    return tuple(field for field in _COMPARED if value(before, field) != value(now, field))


def in_order(stated: Iterable[Stated]) -> list[Character]:
    """The characters that are not retired, in the order of the catalogue."""
    current = sorted(
        (each for each in stated if not each.retired),
        key=lambda each: (each.position, each.character.code),
    )
    return [each.character for each in current]
