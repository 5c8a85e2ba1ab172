"""The domain errors of the scan service, each made in one place."""

from __future__ import annotations

from eco2.errors.v1.error_reason_pb2 import ErrorReason

from services.runtime.errors import DomainError
from services.runtime.refusals import invalid, invalid_cursor, job_not_found, redis_away
from services.scan.state import Status

__all__ = [
    "image_url_required",
    "invalid",
    "invalid_cursor",
    "job_finished",
    "job_not_finished",
    "job_not_found",
    "redis_away",
]


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
