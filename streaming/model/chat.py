"""What a model is to a chat: four calls beside those of a scan.

A provider that can talk offers them as :attr:`streaming.model.models.Server.chat`; the offline
reader can't, there the chat's own rules stand in. Errors are those of
:mod:`streaming.model.provider`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from streaming.model.provider import Usage


@dataclass(frozen=True, slots=True)
class Guess:
    """One question of a message, and what the model takes it for."""

    text: str
    intent: str
    """As the model worded it; the schema allows the ten intents only."""
    confidence: float
    """0–1."""
    reasoning: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Understanding:
    """What a message asks."""

    questions: tuple[Guess, ...]
    """At least one."""
    usage: Usage
    model: str
    prompt_version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What a chat was about so far."""

    text: str
    usage: Usage
    model: str
    prompt_version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Grading:
    """What a model thinks of an answer."""

    axes: Mapping[str, float]
    """``faithfulness``, ``relevance``, ``completeness``, ``safety``, ``communication``: 0–100."""
    usage: Usage
    model: str
    prompt_version: str


@dataclass(frozen=True, slots=True)
class Line:
    """An earlier message, as a reply is told of it."""

    role: Literal["user", "assistant"]
    content: str


class Speech(Protocol):
    """A reply on its way."""

    model: str
    prompt_version: str
    usage: Usage
    """What it used; whole after the end."""
    cut: bool
    """Whether it ended because it became too long."""

    async def read(self) -> str:
        """What has come since, as soon as there is anything; empty at the end.

        Raises ModelTimeout after a silence, ModelUnavailable when the stream breaks off,
        ModelOutputInvalid for what is no stream of text, ModelRejected when the model refuses.
        """
        ...


class ChatProvider(Protocol):
    """A model that can talk. `asked` are the values of the call's prompt."""

    async def intent(self, asked: Mapping[str, Any]) -> Understanding:
        """Say what a message asks."""
        ...

    def reply(
        self, asked: Mapping[str, Any], history: Sequence[Line]
    ) -> AbstractAsyncContextManager[Speech]:
        """Begin to answer; the stream ends with the context, read out or not."""
        ...

    async def summary(self, asked: Mapping[str, Any]) -> Summary:
        """Sum up."""
        ...

    async def grade(self, asked: Mapping[str, Any]) -> Grading:
        """Grade an answer."""
        ...
