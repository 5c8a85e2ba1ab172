"""What is known of a turn when its branches run. Plain data, the same for rules and for models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from streaming.chat.intent import Intent
from streaming.model.provider import Vision

InputType = Literal["location", "confirmation", "selection"]


@dataclass(frozen=True, slots=True)
class Place:
    """Where the user is."""

    latitude: float
    """Degrees north (WGS 84)."""
    longitude: float
    """Degrees east (WGS 84)."""


@dataclass(frozen=True, slots=True)
class Past:
    """An earlier message of the chat."""

    role: Literal["user", "assistant"]
    content: str
    image_url: str = ""
    """Empty for none."""
    intent: str = ""
    """What its turn was about; empty when not known."""


@dataclass(frozen=True, slots=True)
class Picture:
    """The picture that came with the message, and what it shows."""

    url: str
    seen: Vision | None = None
    """None when it could not be looked at (model away, not a photo): say so, don't guess."""


@dataclass(frozen=True, slots=True)
class Given:
    """What the user answered to a branch that asked."""

    type: str
    """``location``, ``confirmation``, ``selection``; ``expired`` when no answer came."""
    data: Mapping[str, Any]
    """``{"confirmed": bool}`` or ``{"value": str}``; a location is in :attr:`TurnContext.place`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnContext:
    """A question and what surrounds it. One for every branch of a turn."""

    job_id: str
    chat_id: str
    user_id: str
    message: str
    """The part of the message this branch is to answer; empty when there is only a picture."""
    whole: str
    """The message as the user wrote it."""
    intent: Intent
    """What :attr:`message` is about (an enrichment branch sees the intent it enriches)."""
    confidence: float = 1.0
    """0–1, of the intent."""
    history: tuple[Past, ...] = ()
    """The latest messages before this one, oldest first; at most ten."""
    summary: str = ""
    """What came before them, in a few sentences; empty when nothing did."""
    place: Place | None = None
    """From the request, or from the answer to a question for it."""
    picture: Picture | None = None
    model: str = ""
    """Requested model name; empty for the default."""
    now: datetime
    """Time of the turn, in Asia/Seoul."""
    deadline: float
    """Unix time in seconds at which the turn is given up."""
    given: Given | None = None
    """What the user answered, when this turn has waited for an answer."""
    may_ask: bool = True
    """Whether :attr:`~streaming.chat.branch.BranchResult.needs_input` will be heeded; False when
    the turn has waited already, or its caller can't be asked."""
    traceparent: str = ""
