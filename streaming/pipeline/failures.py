"""What an exception in a stage means for its job. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from services.runtime.errors import reason_named
from services.runtime.objectstore import (
    ObjectNotFoundError,
    ObjectStoreUnavailableError,
    ObjectTooLargeError,
)
from streaming.kafka.consumer import DEADLINE_EXCEEDED
from streaming.kafka.producer import DeliveryError
from streaming.model.provider import (
    ModelError,
    ModelOutputInvalid,
    ModelRejected,
)

STAGE_FAILED: Final = "STAGE_FAILED"
"""Reason of a job whose stage failed in a way nobody foresaw."""

JOB_DEADLINE_EXCEEDED: Final = "JOB_DEADLINE_EXCEEDED"
DEPENDENCY_UNAVAILABLE: Final = "DEPENDENCY_UNAVAILABLE"
NONSENSE_ATTEMPTS: Final = 2
"""Attempts of a stage whose model answers nonsense: each has paid for every call it made in place,
and a model that was wrong so often is not going to be right."""

LEASE_HELD: Final = "LEASE_HELD"
LEASE_LOST: Final = "LEASE_LOST"


@dataclass(frozen=True, slots=True)
class Fail:
    """The job ends here: no further attempt can help."""

    reason: str
    """An ErrorReason without prefix."""


@dataclass(frozen=True, slots=True)
class Again:
    """A later attempt may work."""

    reason: str
    """An ErrorReason without prefix, for the case that no attempt is left."""
    delay_seconds: float | None = None


def verdict(error: Exception, attempt: int) -> Fail | Again:
    """What follows from an error of a stage's work in attempt `attempt` (from 1)."""
    match error:
        case ModelRejected():
            return Fail("MODEL_REJECTED")
        case ModelOutputInvalid() if attempt >= NONSENSE_ATTEMPTS:
            return Fail("MODEL_OUTPUT_INVALID")
        case ModelOutputInvalid():
            return Again("MODEL_OUTPUT_INVALID")
        case ModelError():
            return Again("MODEL_UNAVAILABLE", error.retry_after_seconds)
        case ObjectNotFoundError():
            return Fail("IMAGE_NOT_FOUND")
        case ObjectTooLargeError():
            return Fail("IMAGE_TOO_LARGE")
        case ObjectStoreUnavailableError() | DeliveryError():
            return Again(DEPENDENCY_UNAVAILABLE)
        case _:
            return Again(STAGE_FAILED)


def job_reason(text: str) -> str:
    """The ErrorReason a job fails for when its record died with the reason `text`."""
    if text == DEADLINE_EXCEEDED:
        return JOB_DEADLINE_EXCEEDED
    try:
        reason_named(text)
    except ValueError:
        return STAGE_FAILED
    return text
