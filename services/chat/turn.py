"""Chats, messages and turns as the domain sees them. Pure."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, NamedTuple

from services.chat.state import Status

Role = Literal["user", "assistant"]

USER: Final[Role] = "user"
ASSISTANT: Final[Role] = "assistant"


class Place(NamedTuple):
    """A place on earth, in degrees (WGS 84)."""

    latitude: float
    longitude: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A picture of a message; all empty when there is none."""

    url: str = ""
    key: str = ""
    content_type: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A message of a user, before it is accepted."""

    job_id: uuid.UUID
    chat_id: uuid.UUID
    user_id: uuid.UUID
    message: str
    picture: Picture
    place: Place | None = None
    model: str = ""
    traceparent: str = ""
    awaited: bool = False
    """Whether somebody waits for the answer in a call, and can't be asked back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """A turn as it is stored now."""

    job_id: uuid.UUID
    chat_id: uuid.UUID
    user_id: uuid.UUID
    number: int
    """From 1 within the chat, in the order of acceptance."""
    status: Status
    message: str
    picture: Picture
    place: Place | None
    model: str
    traceparent: str
    awaited: bool
    created_at: datetime
    """Of the user's message too."""
    deadline_at: datetime
    finished_at: datetime | None
    round: int
    """How often it has waited for the user."""
    input_type: str | None
    """What it waits for, or waited for last."""
    parked_state: bytes | None
    last_input: str | None
    """Fingerprint of the input that ended the latest round."""
    intent: str | None
    result: str | None
    """What `done` carries (JSON); set when completed."""
    error_reason: str | None
    """Name of an ErrorReason without prefix; set when failed."""
    error_message: str | None
    """For the user, in Korean; None leaves it to the reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """What a turn goes on with after it has waited."""

    type: str
    data_json: str
    state: bytes
    round: int


class Chat(NamedTuple):
    """One row of the list."""

    chat_id: uuid.UUID
    title: str | None
    preview: str | None
    message_count: int
    last_message_at: datetime | None
    created_at: datetime


class StoredMessage(NamedTuple):
    """One message."""

    message_id: uuid.UUID
    role: Role
    content: str
    image_url: str | None
    intent: str | None
    metadata: str | None
    """JSON object."""
    created_at: datetime


class PastMessage(NamedTuple):
    """One message as a model is told of it."""

    role: Role
    content: str
    image_url: str | None
    intent: str | None
    position: int


class Memory(NamedTuple):
    """What a turn's worker needs to know of what came before."""

    history: list[PastMessage]
    """Oldest first, without what the summary covers."""
    summary: str
    summarised_through: int
    """Position of the last message the summary covers."""
    recent_intents: list[str]
    """Newest first."""
    recent_confidence: float | None
    """How sure the newest of them was, 0–1."""


def position(number: int, role: Role) -> int:
    """Place of a message among those of its chat, by the turns they belong to."""
    return 2 * number - (role == USER)


def message_id(job_id: uuid.UUID, role: Role) -> uuid.UUID:
    """Id of a turn's message: the same whoever stores it, and however often."""
    return uuid.uuid5(job_id, role)
