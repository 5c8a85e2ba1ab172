"""What a branch of a turn is: one tool, asked with a context, answering with material.

A branch gathers facts; wording the answer is the model's business, or the offline answer's. It runs
under the policy of its name (:mod:`streaming.chat.policies`): the core does time-out, retries,
circuit breaker and what happens when it fails. So a branch just raises when its tool fails. It
never publishes progress; the core does, under the branch's name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from streaming.chat.turn import InputType, TurnContext
from streaming.model.provider import Usage


class BranchError(Exception):
    """A tool failed. The message is English, for logs, without keys or the user's words."""

    def __init__(self, message: str, *, retryable: bool = True) -> None:
        super().__init__(message)
        self.retryable = retryable
        """False when asking again can't help: the breaker does not count it, no retry is made."""


@dataclass(frozen=True, slots=True)
class Citation:
    """Where a statement comes from; stored in the answer's metadata under ``citations``."""

    source: str
    """``rules`` for a rule document, else the tool: ``web``, ``keco``, ``kma``…"""
    title: str
    """For users, in Korean."""
    document_id: str = ""
    """Id of the rule document; empty for other sources."""
    section: str = ""
    """Which part of it."""
    url: str = ""
    """Empty when there is none."""


@dataclass(frozen=True, slots=True)
class NeedsInput:
    """A branch can't go on without the user: the turn is parked and comes back with the answer."""

    type: InputType
    question: str
    """In Korean, at most 500 characters."""
    options: tuple[str, ...] = ()
    """What can be selected; empty unless a selection."""
    wait_seconds: int = 60
    """How long the question stands; then the turn goes on without."""


@dataclass(frozen=True, slots=True)
class ModelCall:
    """A model call a branch made, for the turn's bill."""

    provider: str
    model: str
    kind: str
    """``web_search``, ``image_generation``…"""
    usage: Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class BranchResult:
    """What a branch found."""

    context: str = ""
    """Facts for the model, in Korean, compact (a few thousand characters at the most). Quoted and
    declared as data by the core, so plain text is fine; empty when there is nothing to tell."""
    answer: str = ""
    """The same facts worded for the user as Markdown: the answer's paragraph when no model is there
    or none answers. Empty for material that only helps others."""
    attachment: str = ""
    """Markdown that goes into the answer as it is, below the text (a generated picture)."""
    citations: tuple[Citation, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)
    """JSON-able, stored in the answer's metadata under the branch's name; small."""
    quality: float | None = None
    """0–1, how well what was found fits the question; the feedback level of ``waste_rag`` is made
    from it. None when it does not apply."""
    available: bool = True
    """False when the tool could not be used (no key, down): `answer` then says so politely."""
    needs_input: NeedsInput | None = None
    """Set when the branch has to ask first; the rest is then ignored, unless the user does not
    answer: the branch runs again, with :attr:`TurnContext.may_ask` False."""
    calls: tuple[ModelCall, ...] = ()


@runtime_checkable
class Connected(Protocol):
    """A branch whose tool a deployment may not have; the others always have theirs."""

    @property
    def connected(self) -> bool:
        """Whether it is there."""
        ...


class Branch(Protocol):
    """One tool. Lives as long as the process; runs concurrently for many turns."""

    @property
    def name(self) -> str:
        """Its stage in :mod:`streaming.progress.stages`, for example ``waste_rag``."""
        ...

    async def run(self, context: TurnContext) -> BranchResult:
        """Gather what the context's question needs.

        Raises :class:`BranchError`, :class:`services.runtime.outbound.OutboundError`,
        ``grpc.aio.AioRpcError`` or a :class:`~streaming.model.provider.ModelError`; anything else
        counts as a fault of the branch and is handled the same, with a traceback in the log.
        """
        ...

    def unavailable(self, context: TurnContext) -> BranchResult:
        """What stands in its place when it failed for good (fail mode ``fallback``). Never raises,
        asks nobody: ``available=False`` and an answer that says what can't be told now.
        """
        ...
