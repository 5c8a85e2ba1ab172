"""Text as users write it. Pure."""

from __future__ import annotations

import unicodedata
from typing import Final

PREVIEW_CHARACTERS: Final = 100
"""Length of a chat's preview (docs/app.md, "Chats")."""

_INVISIBLE: Final = frozenset(("Cc", "Cf"))
"""Unicode categories of control and format characters, zero-width spaces among them."""


def storable(text: str) -> str:
    """Text as PostgreSQL can hold it: without NUL, which nobody types, and verbatim otherwise,
    because the app recognises its own messages by their content.
    """
    return text.replace("\0", "")


def is_blank(text: str) -> bool:
    """Whether there is nothing to see in a text."""
    return all(
        character.isspace() or unicodedata.category(character) in _INVISIBLE for character in text
    )


def preview(answer: str) -> str:
    """What the list shows of an answer."""
    return answer[:PREVIEW_CHARACTERS]
