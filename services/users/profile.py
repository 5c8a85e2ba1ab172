"""Names shown to users, and ids derived for them. Pure."""

from __future__ import annotations

import random
import unicodedata
import uuid
from typing import Final

FALLBACK_NAME = "사용자"

ADJECTIVES = (
    "초록", "맑은", "푸른", "따뜻한", "빛나는", "싱그러운", "잔잔한", "깨끗한", "산뜻한", "포근한",
)  # fmt: skip
NOUNS = (
    "씨앗", "숲지기", "바람", "별빛", "이코", "물결", "햇살", "나뭇잎", "자연", "지구친구",
)  # fmt: skip


def made_up_nickname(chance: random.Random) -> str:
    """An adjective and a noun, for users whose provider tells no nickname."""
    return f"{chance.choice(ADJECTIVES)} {chance.choice(NOUNS)}"


def display_name(nickname: str, name: str) -> str:
    """Name shown to the user; never empty, because the app takes an empty one for signed out."""
    return nickname.strip() or name.strip() or FALLBACK_NAME


_FILLERS: Final = "\u115f\u1160\u3164\uffa0"
"""Letters of the Korean script that nobody sees."""


def chosen_nickname(text: str) -> str:
    """A nickname a user typed, without surrounding white space.

    ValueError for one that shows nothing, or that holds control characters. Joiners and selectors
    stay: emoji are made of them.
    """
    nickname = text.strip()
    if any(unicodedata.category(character) == "Cc" for character in nickname):
        raise ValueError("must not contain control characters")
    if not any(
        unicodedata.category(character)[0] not in "CZM" and character not in _FILLERS
        for character in nickname
    ):
        raise ValueError("must not be blank")
    return nickname


def given_nickname(text: str, chance: random.Random) -> str:
    """The nickname a provider tells, or a made-up one when that can't be shown."""
    try:
        return chosen_nickname(text)
    except ValueError:
        return made_up_nickname(chance)


def ownership_id(user_id: str, character_code: str) -> uuid.UUID:
    """UUID of an ownership, the same for every delivery of the same grant."""
    return uuid.uuid5(uuid.NAMESPACE_DNS, f"ownership:{user_id}:{character_code}")


def point_entry_id(user_id: uuid.UUID, reason: str, reference: str) -> uuid.UUID:
    """UUID of a booking, the same for every delivery of the same fact.

    The reference stands last, so that no two bookings run together: reasons hold no colon.
    """
    return uuid.uuid5(uuid.NAMESPACE_DNS, f"points:{user_id}:{reason}:{reference}")
