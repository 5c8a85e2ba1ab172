"""What a turn has worked out so far: its checkpoint in Redis, and its luggage when it waits."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from pydantic import TypeAdapter, ValidationError

from streaming.chat.branch import BranchResult, ModelCall, NeedsInput
from streaming.chat.intent import Classified
from streaming.model.provider import Vision


@dataclass(slots=True)
class Worked:
    """Everything that was paid for. Losing it costs calls, not the turn."""

    round: int = 0
    """How often the turn had waited when this was worked out."""
    questions: tuple[Classified, ...] = ()
    by_model: bool = False
    """Whether a model has said what the questions are."""
    looked: bool = False
    """Whether the picture was looked at."""
    seen: Vision | None = None
    results: dict[str, BranchResult] = field(default_factory=dict)
    """By branch, in the order they were chosen; those that failed open are missing."""
    gathered: bool = False
    """Whether all branches have run."""
    asking: NeedsInput | None = None
    """What the user is asked, once the turn is about to wait for the answer."""
    summary: str = ""
    """A new running summary; empty when the old one stands."""
    summarised: int = 0
    """Position of the last message it covers."""
    answer: str = ""
    """The whole text; empty until it is complete."""
    degraded: str = ""
    """Why the answer is not a model's, when one was asked: ``llm_error``."""
    calls: list[ModelCall] = field(default_factory=list)
    takes: int = 0

    def to_bytes(self) -> bytes:
        """As it is kept."""
        return _ADAPTER.dump_json(self)

    @classmethod
    def from_bytes(cls, kept: bytes | None) -> Worked | None:
        """What :meth:`to_bytes` made; None when it is not of this version."""
        if not kept:
            return None
        try:
            return _ADAPTER.validate_json(kept)
        except ValidationError:
            return None


_ADAPTER: Final = TypeAdapter(Worked)
