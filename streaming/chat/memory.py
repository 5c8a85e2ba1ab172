"""What a model is told of the chat so far, within a budget of tokens. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from streaming.chat.turn import Past
from streaming.model.chat import Line

WITH_PICTURE: Final = "(사진을 함께 보냄)"

SENTENCE: Final = re.compile(r"(?<=[.!?。])\s+|\n+")

EXCERPT_CHARACTERS: Final = 80
"""Of each message, in a summary without a model."""

SUMMARY_CHARACTERS: Final = 1500


@dataclass(frozen=True, slots=True)
class Placed:
    """An earlier message and its place in the chat."""

    past: Past
    position: int


@dataclass(frozen=True, slots=True)
class Memory:
    """What is told word for word, and what has to be summed up first."""

    kept: tuple[Past, ...]
    to_sum_up: tuple[Past, ...]
    """Oldest first; empty when all fits."""
    through: int
    """Position of the last message to be summed up."""


def tokens(text: str) -> int:
    """About how many tokens a text is, rather too many than too few.

    Measured with the o200k vocabulary, Korean prose has 0.6–0.8 tokens a syllable and English 0.25
    a character; digits, signs and emoji may take one or more each.
    """
    counted = 0.0
    for character in text:
        if "가" <= character <= "힣":
            counted += 0.9
        elif character.isascii() and (character.isalpha() or character == " "):
            counted += 0.3
        elif ord(character) > 0xFFFF:
            counted += 3
        else:
            counted += 1
    return int(counted) + 1


def remember(
    history: Sequence[Placed], summary: str, *, most: int, budget: int, kept: int
) -> Memory:
    """Keep the latest messages; what is beyond `most` messages, or all but the latest `kept` when
    they and the summary have more than `budget` tokens, is to be summed up.
    """
    size = tokens(summary) + sum(tokens(placed.past.content) for placed in history)
    if len(history) <= most and size <= budget:
        return Memory(tuple(placed.past for placed in history), (), 0)
    cut = max(0, len(history) - kept)
    older, latest = history[:cut], history[cut:]
    return Memory(
        tuple(placed.past for placed in latest),
        tuple(placed.past for placed in older),
        older[-1].position if older else 0,
    )


def lines(history: Sequence[Past], budget: int) -> list[Line]:
    """The messages as a model is told them: the latest that fit into `budget` tokens, at least the
    last exchange's, each cut to its share.
    """
    told: list[Line] = []
    left = budget
    for past in reversed(history):
        text = wording(past)
        size = tokens(text)
        if size > left:
            if len(told) >= 2:
                break
            text = _cut(text, max(left, budget // 4))
            size = tokens(text)
        left -= size
        told.append(Line(past.role, text))
    return told[::-1]


def wording(past: Past) -> str:
    """A message as text; a picture is mentioned."""
    text = past.content.strip()
    if past.image_url:
        return f"{text} {WITH_PICTURE}".strip()
    return text or "(빈 메시지)"


def excerpt(summary: str, messages: Sequence[Past]) -> str:
    """A summary without a model: the old one and the beginning of every message."""
    told = [summary] if summary else []
    for past in messages:
        first = SENTENCE.split(wording(past), 1)[0][:EXCERPT_CHARACTERS]
        told.append(f"{'사용자' if past.role == 'user' else '이코'}: {first}")
    text = "\n".join(told)
    return text if len(text) <= SUMMARY_CHARACTERS else "…" + text[-SUMMARY_CHARACTERS:]


def _cut(text: str, budget: int) -> str:
    return text[: max(20, budget)] if tokens(text) > budget else text
