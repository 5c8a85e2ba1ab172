"""A turn that is being answered: its record, what came before it, and what it is answered with."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Literal, Self

from eco2.chat.v1 import chat_pb2, chat_service_pb2
from eco2.pipeline.v1 import chat_turn_pb2

from services.runtime.objectstore import ObjectStore
from streaming.chat import memory
from streaming.chat.memory import Memory, Placed
from streaming.chat.narration import Narration
from streaming.chat.service import TurnService
from streaming.chat.settings import ChatWorkerSettings
from streaming.chat.tools import Tools
from streaming.chat.turn import Past
from streaming.chat.worked import Worked
from streaming.model.guard import Budget
from streaming.model.models import Models, Talker


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What turns are answered with; one for the process."""

    service: TurnService
    models: Models
    tools: Tools
    photos: ObjectStore
    settings: ChatWorkerSettings


@dataclass(slots=True, kw_only=True)
class TurnWork:
    """What the steps of one turn share."""

    means: Means
    task: chat_turn_pb2.ChatTurn
    begun: chat_service_pb2.BeginTurnResponse
    narration: Narration
    worked: Worked
    deadline: float
    """Unix time in seconds at which the turn is given up."""
    talker: Talker | None
    """Who words the answer; None when only the branches' own words can."""
    memory: Memory
    summary: str
    """Of what the memory has no room for; empty when it has."""

    @classmethod
    def begin(
        cls,
        means: Means,
        task: chat_turn_pb2.ChatTurn,
        begun: chat_service_pb2.BeginTurnResponse,
        narration: Narration,
        worked: Worked,
        *,
        deadline: float,
    ) -> Self:
        """Take up a turn as the chat service knows it, from what was worked out before."""
        settings = means.settings
        return cls(
            means=means,
            task=task,
            begun=begun,
            narration=narration,
            worked=worked,
            deadline=deadline,
            talker=means.models.talker(task.model),
            memory=memory.remember(
                [_placed(message) for message in begun.history],
                begun.summary,
                most=settings.chat_memory_messages,
                budget=settings.chat_memory_tokens,
                kept=settings.chat_memory_kept,
            ),
            summary=worked.summary or begun.summary,
        )

    @property
    def may_ask(self) -> bool:
        """Whether the user may be asked: not again, after a turn has waited."""
        return not self.task.HasField("input")

    def budget(self, seconds: float, patience: float | None = None) -> Budget:
        """So many seconds for a step, less when the turn's time is nearly over."""
        left = max(0.5, self.deadline - time.time())
        if patience is None:
            patience = self.means.settings.chat_patience_seconds
        return Budget(work_seconds=min(seconds, left), patience_seconds=min(patience, left))

    def cost(self) -> float | None:
        """List price of the turn's model calls in USD; None when it is not known."""
        if self.talker is None:
            return None
        costs = [self.talker.cost(call.model, call.usage) for call in self.worked.calls]
        known = [cost for cost in costs if cost is not None]
        return sum(known) if known else None


def _placed(message: chat_pb2.PastMessage) -> Placed:
    role: Literal["user", "assistant"] = "assistant" if message.role == "assistant" else "user"
    past = Past(role, message.content, message.image_url, message.intent)
    return Placed(past, message.position)
