"""What places are looked for by: a kind of place, a thing it takes, or both. Pure.

Every place is filed once under each such key that it answers to, in one spatial index: the key is a
number, and each number has a strip of the plane to itself. The nearest places of a key are then
what an index of that key alone would say, however rare it is, and a place that has the one category
but not the other is never looked at. (Walking through the places of one category and passing over
those without the other took 38 ms where hardly any has both; this takes 3, see measurements.md.)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from services.location.categories import PICKUPS, STORES

STRIP: Final = 16.0
"""Width of a strip in radians, above the 4π that a box around any place can reach over."""

_KINDS: Final = 32
"""Numbers set aside for what is taken; more than there are categories."""

# Numbers are kept in rows: categories may be added at the end of their lists, and never change
# places. Zero stands for any.
_STORE: Final = {name: number * _KINDS for number, name in enumerate(STORES, 1)}
_PICKUP: Final = dict(zip(PICKUPS, range(1, _KINDS), strict=False))


class Key(NamedTuple):
    """One of the keys that together stand for a filter."""

    aside: float
    """How far its strip lies from the plane itself, in radians."""
    had: int
    """Bits of things taken (:func:`taking`) that earlier keys have found the places of already."""


def numbers(store: str, pickups: Sequence[str]) -> list[int]:
    """The keys a place is filed under."""
    kind, things = _STORE[store], sorted({_PICKUP[name] for name in pickups})
    return [kind, *things, *(kind + thing for thing in things)]


def taking(pickups: Sequence[str]) -> int:
    """What a place takes, a bit for each thing."""
    return sum({1 << _PICKUP[name] - 1 for name in pickups})


def keys(stores: Sequence[str], pickups: Sequence[str]) -> Iterator[Key]:
    """The keys of a filter, at least one of whose `stores` and of whose `pickups` must apply; an
    empty list does not filter. KeyError for a name that is no category.
    """
    for kind in [_STORE[name] for name in stores] or [0]:
        had = 0
        for thing in [_PICKUP[name] for name in pickups] or [0]:
            yield Key((kind + thing) * STRIP, had)
            had |= 1 << thing >> 1
