"""Messages that ask several things: taken apart where Korean joins questions. Pure.

Cutting too often does no harm: pieces that turn out to be about one thing are put together again.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from streaming.chat.classify import classify
from streaming.chat.intent import MOST_PARTS, Classified, Intent
from streaming.chat.turn import Past

ALWAYS_ONE: Final = 12
"""A message of so many characters asks one thing."""


_CUTS: Final = re.compile(
    r"""
      (?<=[.?!。？！])\s+ | \n+                       # the end of a sentence
    | \s*[,、]\s*                                     # a comma
    | \s+(?:그리고|또한|또)\s+                         # and, also
    | (?<=주고)\s+ | (?<=알려주시고)\s+ | (?<=하고)\s+ # …고: does one thing and then another
    | (?<=버리고)\s+ | (?<=있고)\s+
    | (?<=이랑)\s+ | (?<=[가-힣]랑)\s+                # with
    | (?<=[가-힣][가-힣]와)\s+ | (?<=[가-힣][가-힣]과)\s+
    """,
    re.VERBOSE,
)

_LEFT_BEHIND: Final = re.compile(r"^(?:그리고|또한|또)\s+|(?:이랑|랑|하고|와|과)$")

_UNSURE: Final = 0.45
"""A piece classified with less is no question of its own."""


def may_be_compound(message: str) -> bool:
    """Whether a message may ask several things: long enough, with a word or sign that joins."""
    text = message.strip()
    return len(text) > ALWAYS_ONE and len(pieces(text)) > 1


def pieces(message: str) -> tuple[str, ...]:
    """A message cut at every joint, in its order; itself alone when there is none."""
    cut = (_LEFT_BEHIND.sub("", piece.strip()).strip() for piece in _CUTS.split(message))
    return tuple(piece for piece in cut if piece)


def questions(
    message: str,
    *,
    history: Sequence[Past] = (),
    latest_is_sure: bool = True,
    has_picture: bool = False,
) -> tuple[Classified, ...]:
    """What a message asks, in its order: one to three questions, each of an intent of its own.

    The arguments are those of :func:`~streaming.chat.classify.classify`. Never raises. A greeting
    before a question is none; pieces about the same thing are one.
    """
    whole = classify(
        message, history=history, latest_is_sure=latest_is_sure, has_picture=has_picture
    )
    if not may_be_compound(message):
        return (whole,)
    told: list[Classified] = []
    for number, piece in enumerate(pieces(message)):
        found = classify(piece, history=() if number else history, latest_is_sure=latest_is_sure)
        own = found.intent is not Intent.GENERAL and found.confidence >= _UNSURE
        if told and (not own or found.intent is told[-1].intent):
            told[-1] = _joined(told[-1], found)
        elif own or not told:
            told.append(found)
    asked = [found for found in told if found.intent is not Intent.GENERAL]
    by_intent: dict[Intent, Classified] = {}
    for found in asked:
        known = by_intent.get(found.intent)
        by_intent[found.intent] = found if known is None else _joined(known, found)
    if len(by_intent) < 2:
        return (_about(whole, next(iter(by_intent.values()), whole)),)
    return tuple(by_intent.values())[:MOST_PARTS]


def _joined(first: Classified, second: Classified) -> Classified:
    return Classified(
        text=f"{first.text} {second.text}",
        intent=first.intent,
        confidence=max(first.confidence, second.confidence),
        reasoning=first.reasoning,
    )


def _about(whole: Classified, only: Classified) -> Classified:
    """One question after all: the surer reading of the message and of its only telling piece."""
    if whole.intent is only.intent or whole.confidence >= only.confidence:
        return whole
    return Classified(
        text=whole.text,
        intent=only.intent,
        confidence=only.confidence,
        reasoning=only.reasoning,
    )
