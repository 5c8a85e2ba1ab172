"""Jobs as messages and documents. Pure."""

from __future__ import annotations

from eco2.scan.v1 import scan_pb2, scan_service_pb2

from services.runtime.errors import meaning_of, reason_named
from services.runtime.timestamps import timestamp
from services.scan import document
from services.scan.categories import CATEGORIES
from services.scan.job import Job, Summary
from services.scan.state import Status


def job_message(job: Job) -> scan_pb2.Job:
    """The internal view of a job."""
    message = scan_pb2.Job(
        job_id=str(job.job_id),
        user_id=str(job.user_id),
        status=job.status,
        image_url=job.image_url,
        user_input=job.user_input,
        result_json=job.document or "",
        error_reason=job.error_reason or "",
        error_message=error_text(job) if job.status is Status.FAILED else "",
        created_at=timestamp(job.created_at),
    )
    if job.finished_at is not None:
        message.finished_at.CopyFrom(timestamp(job.finished_at))
    return message


def result_message(job: Job) -> scan_service_pb2.GetScanResultResponse:
    """The owner's typed view of a job."""
    response = scan_service_pb2.GetScanResultResponse(status=job.status)
    if job.result is not None:
        response.result.ParseFromString(job.result)
    if job.error_reason is not None:
        response.error_reason = job.error_reason
        response.error_message = error_text(job)
    return response


def ended_document(job: Job) -> str:
    """The app's document of a job that has ended."""
    return job.document or document.ended_without_result(str(job.job_id), error_text(job))


def error_text(job: Job) -> str:
    """Why a job has no result, for its owner, in Korean."""
    if job.error_reason is None:
        return document.CANCELLED_MESSAGE
    return meaning_of(reason_named(job.error_reason)).message_ko


def summary_message(row: Summary) -> scan_service_pb2.ScanSummary:
    """One row of the history."""
    message = scan_service_pb2.ScanSummary(
        job_id=str(row.job_id),
        status=row.status,
        image_url=row.image_url,
        reward_name=row.reward_name,
        created_at=timestamp(row.created_at),
    )
    if row.major_category is not None:
        message.classification.major_category = row.major_category
        message.classification.middle_category = row.middle_category or ""
        message.classification.minor_category = row.minor_category or ""
    return message


def categories_message() -> scan_service_pb2.ListCategoriesResponse:
    """The list of categories."""
    return scan_service_pb2.ListCategoriesResponse(
        items=[
            scan_service_pb2.Category(
                id=row.id,
                name=row.name,
                display_name=row.display_name,
                instructions=row.instructions,
            )
            for row in CATEGORIES
        ]
    )
