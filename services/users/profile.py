"""Names shown to users, and ids derived for them. Pure."""

from __future__ import annotations

import random
import uuid

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


def ownership_id(user_id: str, character_code: str) -> uuid.UUID:
    """UUID of an ownership, the same for every delivery of the same grant."""
    return uuid.uuid5(uuid.NAMESPACE_DNS, f"ownership:{user_id}:{character_code}")
