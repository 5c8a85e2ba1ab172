"""What a message is about: ten intents, and what a classifier says."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Intent(StrEnum):
    """What a question is about; the values are words of the wire (docs/app.md, "Chats")."""

    WASTE = "waste"
    CHARACTER = "character"
    LOCATION = "location"
    BULK_WASTE = "bulk_waste"
    RECYCLABLE_PRICE = "recyclable_price"
    COLLECTION_POINT = "collection_point"
    WEATHER = "weather"
    IMAGE_GENERATION = "image_generation"
    WEB_SEARCH = "web_search"
    GENERAL = "general"
    """Also what anything else is taken for."""


MOST_PARTS: Final = 3
"""Questions a compound message is split into at the most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Classified:
    """One question and what it is about."""

    text: str
    """The question: the message, or the part of a compound one that this intent answers."""
    intent: Intent
    confidence: float
    """0–1."""
    reasoning: str = ""
    """Why, in a few words, for logs and evaluation; not shown to users."""
