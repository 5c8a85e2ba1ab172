"""Wording the answer: a model's reply as it comes, or the branches' own words.

A reply that breaks off (a stall, a cut connection, nonsense) is begun again, as a further take.
What users have read of the broken one is not continued, because two takes never fit together: the
first frame of the next one replaces it. When no take succeeds, the branches' own words take its
place if they answer the question; otherwise the turn fails.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from services.runtime import logs
from streaming.chat import aggregate, asked, memory, metrics
from streaming.chat.branch import ModelCall
from streaming.chat.narration import Narration
from streaming.chat.settings import ChatWorkerSettings
from streaming.chat.untrusted import Unpictured
from streaming.chat.work import TurnWork
from streaming.model.chat import Line, Speech
from streaming.model.models import Talker
from streaming.model.provider import ModelError, ModelRejected, ModelTimeout

log = logs.get(__name__)

BACKOFF_SECONDS: Final = 0.5
"""Longest pause before a further take, drawn at random."""

OFFLINE_PIECE: Final = 80
"""Characters of a token of an answer that is there as a whole."""


@dataclass(frozen=True, slots=True)
class Worded:
    """A model's answer."""

    text: str
    call: ModelCall
    takes: int


async def word(work: TurnWork) -> None:
    """Word the answer of a turn and tell it as it comes; what is attached to it follows.

    Raises a ModelError when no model words it and no branch has words of its own, and Overtaken.
    """
    worked = work.worked
    wording = Wording(
        work.narration,
        work.means.settings,
        accepted_at=work.task.submitted_at_ms / 1000 or time.time(),
    )
    async with work.narration.step("answer") as step:
        text = await _by_model(work, wording)
        if not text.strip():
            text = aggregate.offline_answer(worked)
            await wording.as_written(text)
        attached = aggregate.attachments(worked)
        if attached:
            await wording.add(f"\n\n{attached}")
            text = f"{text}\n\n{attached}"
        worked.answer = text.strip()  # the rest as it was told, so that nothing on a screen moves
        step.checkpoint = worked.to_bytes()


async def _by_model(work: TurnWork, wording: Wording) -> str:
    """The model's answer; empty when the branches' own words are to stand in for it."""
    worked, settings = work.worked, work.means.settings
    if work.talker is None:
        return ""
    try:
        told = await wording.by_model(
            work.talker,
            asked.of_model(work),
            memory.lines(work.memory.kept, settings.chat_memory_tokens),
        )
    except ModelRejected:
        raise
    except ModelError:
        if not aggregate.can_answer_offline(worked):
            raise
        worked.degraded = "llm_error"
        return ""
    worked.takes = told.takes
    worked.calls.append(told.call)
    return told.text


class Wording:
    """Tells the text of one answer."""

    def __init__(
        self, narration: Narration, settings: ChatWorkerSettings, *, accepted_at: float
    ) -> None:
        """`accepted_at`: Unix time in seconds."""
        self._narration = narration
        self._settings = settings
        self._accepted_at = accepted_at
        self._spoken = False

    async def by_model(
        self, talker: Talker, asked: Mapping[str, Any], history: Sequence[Line]
    ) -> Worded:
        """A model's answer, told as it comes.

        Raises the last take's ModelError, and Overtaken.
        """
        until = time.monotonic() + self._settings.chat_reply_seconds
        take = 0
        while True:
            take += 1
            said = ""
            try:
                async with (
                    asyncio.timeout(max(0.1, until - time.monotonic())),
                    talker.reply(asked, history, self._settings.chat_patience_seconds) as speech,
                ):
                    said = await self._follow(speech)
                    call = ModelCall(talker.provider, speech.model, "reply", speech.usage)
            except TimeoutError:
                raise ModelTimeout("the time for an answer is used up") from None
            except ModelError as error:
                metrics.TAKES.labels("replaced" if self._spoken else "broken").inc()
                log.repeated("a take broke off", take=take, error=str(error))
                if take >= self._settings.chat_reply_takes or not error.retryable:
                    raise
                self._narration.anew()
                await asyncio.sleep(random.uniform(0, BACKOFF_SECONDS))
                continue
            metrics.TAKES.labels("ok").inc()
            return Worded(said, call, take)

    async def as_written(self, text: str) -> None:
        """Tell an answer that is there as a whole, in place of what was told before."""
        self._narration.anew()
        for start in range(0, len(text), OFFLINE_PIECE):
            await self._narration.say(text[start : start + OFFLINE_PIECE])
            self._note_first()
        await self._narration.flush()
        metrics.TAKES.labels("offline").inc()

    async def add(self, text: str) -> None:
        """Tell what goes below the answer."""
        await self._narration.say(text)
        await self._narration.flush()

    async def _follow(self, speech: Speech) -> str:
        narration, said, pictures = self._narration, [], Unpictured()
        while piece := await speech.read():
            began = time.monotonic()
            text = pictures.feed(piece)
            said.append(text)
            first = len(said) == 1
            if first:
                narration.due = 0.0
            await narration.say(text)
            if first:
                metrics.FLUSH.observe(time.monotonic() - began)
                self._note_first()
            # what the model says until the next frame is due gathers in the connection
            pause = narration.due - time.monotonic()
            if pause > 0:
                await asyncio.sleep(pause)
        rest = pictures.end()
        said.append(rest)
        await narration.say(rest)
        await narration.flush()
        return "".join(said)

    def _note_first(self) -> None:
        if not self._spoken:
            self._spoken = True
            metrics.FIRST_TOKEN.observe(max(0.0, time.time() - self._accepted_at))
