"""Plain values the knowledge answers with."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Item:
    """A place in the taxonomy. ``minor`` is None when only the class is certain."""

    major: str
    middle: str
    minor: str | None = None

    @property
    def of_class(self) -> tuple[str, str]:
        """Its (major, middle)."""
        return self.major, self.middle


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """What a user's words name."""

    item: Item | None = None
    """The one thing that is meant; None when nothing is known or several things are."""

    candidates: tuple[Item, ...] = ()
    """The things it could be, when it is more than one; empty otherwise."""

    word: str = ""
    """The folded word that decided; empty when no word is known."""

    goes_to: tuple[str, ...] = ()
    """Ids of the documents that take it when the item's own stream refuses it (뼈 → 일반종량제)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Classification:
    """Labels of a model brought back into the taxonomy."""

    major: str
    middle: str
    minor: str | None
    tags: tuple[str, ...] = ()
    """Situation tags to add: 미분류_소분류 or 미분류_전체 when something was not recognised."""

    redirected_from: str | None = None
    """Id of the document that refuses the minor, when the class was corrected for that reason."""

    known: bool = True
    """Whether major and middle are in the taxonomy."""
