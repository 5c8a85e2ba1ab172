"""What tends to be asked next: intents an earlier one makes likelier. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from streaming.chat.intent import Intent

SURE: Final = 0.7
"""Only an intent that was this sure says anything about the next question."""

BOOSTS: Final[Mapping[Intent, Mapping[Intent, float]]] = {
    Intent.WASTE: {
        Intent.LOCATION: 0.15,
        Intent.CHARACTER: 0.05,
        Intent.COLLECTION_POINT: 0.10,
    },
    Intent.GENERAL: {Intent.WASTE: 0.10, Intent.CHARACTER: 0.05, Intent.LOCATION: 0.08},
    Intent.LOCATION: {Intent.WASTE: 0.10},
    Intent.CHARACTER: {Intent.WASTE: 0.08},
    Intent.BULK_WASTE: {Intent.LOCATION: 0.12, Intent.RECYCLABLE_PRICE: 0.08},
    Intent.RECYCLABLE_PRICE: {Intent.LOCATION: 0.10, Intent.COLLECTION_POINT: 0.08},
    Intent.COLLECTION_POINT: {Intent.WASTE: 0.10, Intent.LOCATION: 0.08},
}
"""What is added to the confidence of the next question's intent, by the latest one."""


def is_sure(confidence: float | None) -> bool:
    """Whether an intent of this confidence says anything about the next question; None (not known)
    does not.
    """
    return confidence is not None and confidence >= SURE


def boosted(confidence: float, intent: Intent, *, after: Intent | None) -> float:
    """The confidence of ``intent`` for a question that follows one surely about ``after``; at most
    1. None: nothing sure came before.
    """
    if after is None:
        return confidence
    return min(1.0, confidence + BOOSTS.get(after, {}).get(intent, 0.0))
