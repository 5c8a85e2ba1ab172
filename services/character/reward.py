"""The reward policy: which classified items earn a character. Pure.

All of these must hold: the item is recyclable, its middle category is known, a disposal rule was
found, and the photographed item lacks nothing. The character is the one whose match label equals
the middle category.
"""

from __future__ import annotations

from dataclasses import dataclass

from services.character.catalogue import Catalogue, Character

RECYCLABLE = "재활용폐기물"


@dataclass(frozen=True, slots=True)
class Item:
    """What the policy looks at."""

    major: str
    middle: str
    minor: str
    rules_found: bool
    lacks_something: bool


@dataclass(frozen=True, slots=True)
class Decision:
    """The character earned, or None, and why."""

    character: Character | None
    reason: str


def decide(item: Item, catalogue: Catalogue) -> Decision:
    """Apply the policy."""
    if item.major.strip() != RECYCLABLE:
        return Decision(None, "not recyclable")
    middle = item.middle.strip()
    if not middle:
        return Decision(None, "middle category unknown")
    if not item.rules_found:
        return Decision(None, "no disposal rule")
    if item.lacks_something:
        return Decision(None, "not ready for disposal")
    character = catalogue.matching(middle)
    if character is None:
        return Decision(None, "no character for this category")
    minor = item.minor.strip()
    return Decision(character, f"{middle}>{minor}" if minor and minor != middle else middle)
