"""What a message is about, by transparent rules: the classifier that needs no model.

Asked when no model is there, and when a model answers nonsense or not at all.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from streaming import knowledge
from streaming.chat import lexicon
from streaming.chat.intent import Classified, Intent
from streaming.chat.retrieval.mending import Mender
from streaming.chat.transitions import BOOSTS
from streaming.chat.turn import Past
from streaming.knowledge import korean

MOST_CHARACTERS: Final = 600
"""How much of a message is read: who asks does so near its beginning or, in a long one, its end."""

_INTENTS: Final = frozenset(intent.value for intent in Intent)
_BULKY: Final = "대형폐기물"
_PICTURE_WEIGHT: Final = 2.0
"""What a picture speaks for waste: that is what people send pictures of."""
_BOOST_SCALE: Final = 4.0
"""Transition boosts are shares of a confidence; near the middle of a softmax, a weight is worth
about four times the confidence it moves."""


def classify(
    message: str,
    *,
    history: Sequence[Past] = (),
    latest_is_sure: bool = True,
    has_picture: bool = False,
) -> Classified:
    """The intent of one question (a compound message has been split before). Pure.

    `latest_is_sure`: whether what the latest message was about says what tends to follow. Never
    raises; an empty message with a picture is about waste, anything unknown is ``general``.
    """
    text = normal(message)
    scores, reasons = _scores(text, has_picture=has_picture)
    latest = _latest(history)
    if latest is not None:
        goes_on = lexicon.load().goes_on
        if goes_on.says.search(text) or not reasons:
            scores[latest] += goes_on.weight
            reasons.append((latest, "goes on"))
        boosts = BOOSTS.get(latest, {}) if latest_is_sure else {}
        for intent, share in boosts.items():
            if any(about is intent for about, _ in reasons):
                scores[intent] += share * _BOOST_SCALE
    best = max(scores, key=lambda intent: (scores[intent], intent is not Intent.GENERAL))
    total = sum(math.exp(score) for score in scores.values())
    why = ", ".join(label for intent, label in reasons if intent is best)
    return Classified(
        text=message,
        intent=best,
        confidence=math.exp(scores[best]) / total,
        reasoning=why or "nothing said what else",
    )


def normal(message: str) -> str:
    """The message as the rules see it: compatible forms, lower case, one space between words."""
    text = unicodedata.normalize("NFKC", message).casefold()
    if len(text) > MOST_CHARACTERS:
        text = f"{text[: MOST_CHARACTERS // 2]} {text[-MOST_CHARACTERS // 2 :]}"
    return " ".join(text.split())


def _scores(
    text: str, *, has_picture: bool
) -> tuple[dict[Intent, float], list[tuple[Intent, str]]]:
    """The weight of every intent, and the rules that spoke (not ``general``'s standing one)."""
    rules = lexicon.load()
    read = _mended(text)
    scores = dict.fromkeys(Intent, 0.0)
    reasons: list[tuple[Intent, str]] = []
    for intent, entries in rules.intents.items():
        for rule in entries:
            if rule.fits(read):
                scores[intent] += rule.weight
                if rule.says.pattern:
                    reasons.append((intent, rule.label))
    match = knowledge.load().match(text)
    items = (match.item,) if match.item is not None else match.candidates
    if items and all(item.major == _BULKY for item in items):
        scores[Intent.BULK_WASTE] += rules.named.bulky
        scores[Intent.WASTE] += rules.named.bulky_waste
        reasons.append((Intent.BULK_WASTE, "bulky thing"))
    elif items:
        scores[Intent.WASTE] += rules.named.waste
        reasons.append((Intent.WASTE, "known thing"))
    if has_picture:
        scores[Intent.WASTE] += _PICTURE_WEIGHT
        reasons.append((Intent.WASTE, "picture"))
    return scores, reasons


def _latest(history: Sequence[Past]) -> Intent | None:
    """What the latest message whose intent is known was about."""
    for past in reversed(history):
        if past.intent in _INTENTS:
            return Intent(past.intent)
    return None


def _mended(text: str) -> str:
    """The text, with the words behind it that its misspelt ones are meant to be."""
    known, mender = lexicon.load().mended, _mender()
    further = []
    for word in text.split():
        if any(right in word for right in known):
            continue
        if (better := mender.mend(korean.bare(word))) is not None:
            further.append(better[0])
    return " ".join([text, *further])


@lru_cache(maxsize=1)
def _mender() -> Mender:
    return Mender(lexicon.load().mended)
