"""Domain errors that several domains raise, each made in one place."""

from __future__ import annotations

from eco2.errors.v1.error_reason_pb2 import ErrorReason

from services.runtime.errors import DomainError


def job_not_found(job_id: str) -> DomainError:
    """No such job, or somebody else's: the two can't be told apart from outside."""
    return DomainError(
        ErrorReason.ERROR_REASON_JOB_NOT_FOUND, "no such job", metadata={"job_id": job_id}
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
