"""What a message asks: a model's word for it where one answers, the rules' otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from services.runtime import logs
from streaming.chat import compound, memory, metrics, transitions
from streaming.chat.branch import ModelCall
from streaming.chat.intent import MOST_PARTS, Classified, Intent
from streaming.chat.turn import Past
from streaming.model.chat import Understanding
from streaming.model.guard import Budget
from streaming.model.models import Talker
from streaming.model.provider import ModelError

log = logs.get(__name__)

THRESHOLD: Final = 0.6
"""An intent a model is less sure of is taken for ``general``; the rules' own
confidences mean something else and are not cut."""

CONTEXT_MESSAGES: Final = 6
CONTEXT_CHARACTERS: Final = 100
"""Of each of the latest three turns."""


@dataclass(frozen=True, slots=True)
class Understood:
    """The questions of a message."""

    questions: tuple[Classified, ...]
    call: ModelCall | None
    """None when the rules said so."""


async def understand(
    message: str,
    *,
    history: Sequence[Past],
    recent: Sequence[str],
    recent_confidence: float | None,
    has_picture: bool,
    talker: Talker | None,
    budget: Budget,
) -> Understood:
    """What `message` asks. Never fails: a model that is away or answers nonsense is done without.

    `recent` are the intents of the latest turns, the newest first, and `recent_confidence` how sure
    the newest was (None: nobody knows). A picture without words is about waste; no model is asked
    for that.
    """
    if message.strip() and talker is not None:
        try:
            told = await talker.intent(
                {
                    "history": [
                        {"role": past.role, "text": memory.wording(past)[:CONTEXT_CHARACTERS]}
                        for past in history[-CONTEXT_MESSAGES:]
                    ],
                    "recent_intents": list(recent),
                    "picture": has_picture,
                    "question": message,
                },
                budget,
            )
        except ModelError as error:
            log.warning("classified by rule", error=str(error))
        else:
            call = ModelCall(talker.provider, told.model, "intent", told.usage)
            questions = by_model(message, told, recent, recent_confidence)
            return _counted(Understood(questions, call), "model")
    questions = compound.questions(
        message,
        history=history,
        latest_is_sure=transitions.is_sure(recent_confidence),
        has_picture=has_picture,
    )
    return _counted(Understood(questions, None), "rules")


def by_model(
    message: str, told: Understanding, recent: Sequence[str], recent_confidence: float | None
) -> tuple[Classified, ...]:
    """A model's questions, boosted by what was asked before and held to the threshold. Pure."""
    after = None
    if transitions.is_sure(recent_confidence):
        with suppress(ValueError, IndexError):
            after = Intent(recent[0])
    found: dict[Intent, Classified] = {}
    for guess in told.questions:
        intent = Intent(guess.intent)
        confidence = transitions.boosted(guess.confidence, intent, after=after)
        if confidence < THRESHOLD:
            intent = Intent.GENERAL
        text = message if len(told.questions) == 1 else guess.text or message
        if intent not in found:
            found[intent] = Classified(
                text=text, intent=intent, confidence=confidence, reasoning=guess.reasoning
            )
    if len(found) > 1:  # a greeting or a remark beside a question needs no branch of its own
        found.pop(Intent.GENERAL, None)
    return tuple(found.values())[:MOST_PARTS]


def _counted(understood: Understood, by: str) -> Understood:
    for question in understood.questions:
        metrics.INTENTS.labels(question.intent, by).inc()
    return understood
