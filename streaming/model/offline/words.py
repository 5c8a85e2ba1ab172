"""What the user's own words add to the photo: the item they name and the state they describe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from streaming.knowledge import Item, Match
from streaming.knowledge.situations import tags_said
from streaming.model.offline.evidence import Verdict

AGREED_CONFIDENCE: Final = 0.97
"""Photo and words name the same class."""

SAID_CONFIDENCE: Final = 0.8
"""Only the words name a class. People know what they hold, though not always what it is made of."""

CONTRADICTED_CONFIDENCE: Final = 0.55
"""The words name another class than the photo. They win: it may show a box or a part."""


NOTHING: Final = Match()
"""The words name nothing."""


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
