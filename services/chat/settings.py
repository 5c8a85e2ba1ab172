"""Settings of the chat service."""

from __future__ import annotations

from pydantic import Field

from services.runtime.settings import RuntimeSettings


class ChatSettings(RuntimeSettings):
    """Budgets of a message, deadline of a turn, times of the sweeper."""

    chat_turn_seconds: float = Field(default=300.0, gt=0)
    """A turn that has not ended so long after it was accepted, or after the user's input, is
    failed. The app asks for the answer no longer than that (docs/app.md, "Chats")."""

    chat_ask_seconds: float = Field(default=75.0, gt=0, lt=90)
    """The same for the one-call AskOnce; below the time-out of that method (90 s)."""

    inspect_seconds: float = Field(default=4.0, gt=0)
    """Budget of asking the images service about a picture."""

    announce_seconds: float = Field(default=1.0, gt=0)
    """Budget of publishing the `queued` event, or the end of turns the service ends itself."""

    chat_sweep_seconds: float = Field(default=1.0, gt=0)
    """Pause between two passes of the sweeper: how much later than its time a turn expires."""

    chat_sweep_batch: int = Field(default=500, ge=1)
    """Turns that the sweeper takes at a time."""

    idempotency_seconds: float = Field(default=3600.0, gt=0)
    """How long an idempotency key is remembered."""

    chat_messages_per_minute: int = Field(default=60, ge=0)
    """Messages of one user in any 60 s; one more is refused with 429. 0: no
    limit."""

    chat_creates_per_minute: int = Field(default=60, ge=0)
    """Chats a user may make in any 60 s; one more is refused with 429. 0: no limit."""

    chat_deleted_kept_seconds: float = Field(default=30 * 86_400.0, ge=0)
    """How long a deleted chat is kept, out of everybody's reach, before it is deleted for good."""

    chat_once_kept_seconds: float = Field(default=3600.0, ge=0)
    """How long a question of AskOnce and its answer are kept; nobody can read them again."""
