"""Telling those who watch a turn: progress, and the text in frames.

Everything carries the turn's fence. When it turns out that somebody else has taken the turn over,
or that it has ended (its chat was deleted, for one), telling raises :class:`Overtaken`, and the
work stops. While Redis is away, progress is left out and text is kept until it is back;
without a lease nothing is told, and the user learns the answer from the chat service.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

from opentelemetry import trace

from services.runtime import logs
from streaming.chat import metrics
from streaming.chat.branch import NeedsInput
from streaming.progress import stages
from streaming.progress.event import ProgressEvent
from streaming.progress.scripts import ProgressUnavailable
from streaming.progress.turn import Turn, Turns

log = logs.get(__name__)

NODE: Final = "answer"
"""What produces the text (docs/app.md, "Event streams")."""

_TRACER: Final = trace.get_tracer("eco2.chat")

STEP_SECONDS: Final = 0.05
"""Frames of all the turns of a process fall due on common steps of the clock. What is due together
is read in one wake-up and published in one round trip, and reaches the bridges in one read.
"""

EARLY_SECONDS: Final = 0.002
"""A frame may be sent so much before it is due: timers of the event loop count milliseconds."""

MOST_UNSENT: Final = 400
"""Frames kept while Redis is away: a minute of them; `done` brings the whole answer anyway."""


class Overtaken(Exception):  # noqa: N818 - says what happened to the turn
    """The turn is somebody else's now, or has ended."""


def due_after(due: float, now: float, frame_seconds: float) -> float:
    """When a frame may follow the one that was due at `due` and is sent `now`: a frame's time
    later, on the next common step. Pure.
    """
    following = due + frame_seconds
    if following < now + frame_seconds / 2:  # it is the first, or late
        following = now + frame_seconds
    return math.ceil(round(following / STEP_SECONDS, 3)) * STEP_SECONDS


@dataclass(slots=True)
class Step:
    """A stage that is under way."""

    checkpoint: bytes | None = None
    """Kept with its completion."""
    waits: bool = False
    """Set when it is not completed: the turn waits for the user first."""


class Narration:
    """Tells of one turn."""

    def __init__(self, turns: Turns, turn: Turn | None, *, frame_seconds: float) -> None:
        """`turn` is None while Redis is away: then nothing is told."""
        self._turns = turns
        self._turn = turn
        self._frame_seconds = frame_seconds
        self._batch = 0 if turn is None else turn.batch
        self._replace = self._batch > 0
        self._pending = ""
        self._unsent: list[ProgressEvent] = []
        self.due = 0.0
        """Monotonic time from which the next frame may be sent."""

    async def stage(
        self,
        name: str,
        status: str,
        *,
        result: Mapping[str, Any] | None = None,
        checkpoint: bytes | None = None,
    ) -> None:
        """Tell that a stage has started or completed, and keep a checkpoint in the same step."""
        if self._turn is None:
            return
        event = self._event(
            name, status, result=None if result is None else json.dumps(result, ensure_ascii=False)
        )
        try:
            kept = await self._turns.tell(self._turn, event, checkpoint=checkpoint)
        except ProgressUnavailable as error:
            log.repeated("progress was not published", stage=name, error=str(error))
            return
        if not kept:
            raise Overtaken

    async def keep(self, checkpoint: bytes) -> None:
        """Keep a checkpoint in between: something was paid for that is not to be paid for again."""
        if self._turn is None:
            return
        try:
            kept = await self._turns.tell(self._turn, checkpoint=checkpoint)
        except ProgressUnavailable as error:
            log.repeated("a checkpoint was not kept", error=str(error))
            return
        if not kept:
            raise Overtaken

    @asynccontextmanager
    async def step(self, name: str) -> AsyncIterator[Step]:
        """A stage: its two events, its span, its time. Each event is published once a turn."""
        await self.stage(name, stages.STARTED)
        step, began = Step(), time.perf_counter()
        with _TRACER.start_as_current_span(f"chat {name}"):
            yield step
        metrics.STAGES.labels(name).observe(time.perf_counter() - began)
        if not step.waits:
            await self.stage(name, stages.COMPLETED, checkpoint=step.checkpoint)

    async def asks(self, asking: NeedsInput) -> None:
        """Tell that the turn waits for the user, and give it back. Raises ProgressUnavailable."""
        if self._turn is None:
            return
        result: dict[str, object] = {"input_type": asking.type, "timeout": asking.wait_seconds}
        if asking.options:
            result["options"] = list(asking.options)
        event = self._event(
            "needs_input",
            stages.WAITING,
            message=asking.question,
            result=json.dumps(result, ensure_ascii=False),
        )
        await self._turns.finish(self._turn, event=event)

    # -- text -----------------------------------------------------------------------------------

    def anew(self) -> None:
        """Let the next text take the place of all that was told before."""
        self._pending = ""
        self._replace = self._batch > 0

    async def say(self, text: str) -> None:
        """Add text; it is sent when a frame is due, the first at once."""
        self._pending += text
        if self._pending and time.monotonic() >= self.due - EARLY_SECONDS:
            await self.flush()

    async def flush(self) -> None:
        """Send what was added."""
        if self._turn is None:
            self._pending = ""
            return
        if self._pending:
            self._batch += 1
            stage, status = (
                (stages.RECOVERY, stages.SNAPSHOT)
                if self._replace
                else (stages.TOKEN, stages.STREAMING)
            )
            if self._replace:
                self._unsent.clear()  # it would be replaced
            self._unsent.append(
                self._event(
                    stage, status, content=self._pending, node=NODE, token_batch=self._batch
                )
            )
            self._replace = False
            self._pending = ""
            del self._unsent[:-MOST_UNSENT]
        if not self._unsent:
            return
        self.due = due_after(self.due, time.monotonic(), self._frame_seconds)
        # a frame keeps its number, so one whose reply was lost is not told twice
        sending = tuple(self._unsent)
        try:
            kept = await self._turns.tell(self._turn, *sending)
        except ProgressUnavailable as error:
            log.repeated("text was not published", frames=len(sending), error=str(error))
            return
        self._unsent = self._unsent[len(sending) :]
        metrics.FRAMES.inc(len(sending))
        if not kept:
            raise Overtaken

    def _event(self, stage: str, status: str, **more: Any) -> ProgressEvent:
        turn = self._turn
        if turn is None:
            raise ValueError("nothing is told without a lease")
        return ProgressEvent(
            job_id=turn.place.job_id,
            domain="chat",
            stage=stage,
            status=status,
            fence=turn.fence,
            traceparent=turn.place.traceparent,
            **more,
        )
