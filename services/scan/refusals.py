"""The domain errors of the scan service, each made in one place."""

from __future__ import annotations

from eco2.errors.v1.error_reason_pb2 import ErrorReason

from services.runtime.errors import DomainError
from services.scan.models import SUPPORTED
from services.scan.state import Status


def job_not_found(job_id: str) -> DomainError:
    """No such job, or somebody else's: the two can't be told apart from outside."""
    return DomainError(
        ErrorReason.ERROR_REASON_JOB_NOT_FOUND, "no such job", metadata={"job_id": job_id}
    )


def job_finished(job_id: str, status: Status) -> DomainError:
    """The job has ended in another way."""
    return DomainError(
        ErrorReason.ERROR_REASON_JOB_FINISHED,
        f"the job is {status} already",
        metadata={"job_id": job_id, "status": status},
    )


def job_not_finished(job_id: str, status: Status) -> DomainError:
    """The job has no result to correct."""
    return DomainError(
        ErrorReason.ERROR_REASON_JOB_NOT_FINISHED,
        f"the job is {status}, it has no result",
        metadata={"job_id": job_id, "status": status},
    )


def image_url_required() -> DomainError:
    """The submission names no photo."""
    return DomainError(ErrorReason.ERROR_REASON_IMAGE_URL_REQUIRED, "image_url is missing")


def unsupported_model(model: str) -> DomainError:
    """The submission names a model that is not offered."""
    return DomainError(
        ErrorReason.ERROR_REASON_UNSUPPORTED_MODEL,
        f"model {model!r} is not supported",
        metadata={"supported_models": ",".join(SUPPORTED)},
    )


def key_reused() -> DomainError:
    """The idempotency key belongs to a submission with another payload."""
    return DomainError(
        ErrorReason.ERROR_REASON_IDEMPOTENCY_KEY_REUSED,
        "the idempotency key was used with another payload",
    )


def invalid_cursor() -> DomainError:
    """The cursor was not made by this list for this caller."""
    return DomainError(ErrorReason.ERROR_REASON_INVALID_CURSOR, "cursor was not made by this list")


def invalid(field: str, problem: str) -> DomainError:
    """A field breaks a rule that the definition can't express."""
    return DomainError(
        ErrorReason.ERROR_REASON_VALIDATION_FAILED,
        f"{field} {problem}",
        violations=[(field, problem)],
    )


def redis_away() -> DomainError:
    """Something has to be done in Redis, which does not answer."""
    return DomainError(
        ErrorReason.ERROR_REASON_DEPENDENCY_UNAVAILABLE,
        "redis is not available",
        metadata={"dependency": "redis"},
        retry_after_seconds=1,
    )
