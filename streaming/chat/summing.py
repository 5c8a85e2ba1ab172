"""Summing up earlier messages: by a model, else by excerpt."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from services.runtime import logs
from streaming.chat import memory
from streaming.chat.branch import ModelCall
from streaming.chat.turn import Past
from streaming.model.guard import Budget
from streaming.model.models import Talker
from streaming.model.provider import ModelError

log = logs.get(__name__)

MESSAGE_CHARACTERS: Final = 1000
"""Of each message that is summed up."""


async def sum_up(
    summary: str, older: Sequence[Past], *, talker: Talker | None, budget: Budget
) -> tuple[str, ModelCall | None]:
    """The new summary of all that `summary` and the `older` messages tell. Never fails."""
    if talker is not None:
        messages = [
            {"role": past.role, "text": memory.wording(past)[:MESSAGE_CHARACTERS]} for past in older
        ]
        try:
            told = await talker.summary({"summary": summary, "messages": messages}, budget)
        except ModelError as error:
            log.warning("summed up by rule", error=str(error))
        else:
            return told.text, ModelCall(talker.provider, told.model, "summary", told.usage)
    return memory.excerpt(summary, older), None
