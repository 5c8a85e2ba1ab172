"""The domain errors of the chat service, each made in one place."""

from __future__ import annotations

from eco2.errors.v1.error_reason_pb2 import ErrorReason

from services.chat.state import Status
from services.runtime.errors import DomainError
from services.runtime.refusals import invalid, invalid_cursor, job_not_found, redis_away

__all__ = [
    "chat_not_found",
    "invalid",
    "invalid_cursor",
    "job_not_found",
    "message_required",
    "redis_away",
    "turn_not_waiting",
]


def chat_not_found(chat_id: str) -> DomainError:
    """No such chat, a deleted one, or somebody else's: they can't be told apart from outside.

    Never 403, which makes the app sign its user out.
    """
    return DomainError(
        ErrorReason.ERROR_REASON_CHAT_NOT_FOUND, "no such chat", metadata={"chat_id": chat_id}
    )


def message_required() -> DomainError:
    """There is nothing to answer: no text and no picture."""
    return DomainError(
        ErrorReason.ERROR_REASON_MESSAGE_REQUIRED, "message is blank and there is no image_url"
    )


def turn_not_waiting(job_id: str, status: Status, expected: str | None) -> DomainError:
    """The turn does not wait, or waits for another type of input (`expected`)."""
    waits = status is Status.WAITING
    return DomainError(
        ErrorReason.ERROR_REASON_TURN_NOT_WAITING,
        f"the turn waits for {expected}" if waits else f"the turn is {status}",
        metadata={"job_id": job_id, "status": status},
    )
