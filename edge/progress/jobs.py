"""What a job's own domain knows of it: the owner, and how it ended.

Redis may know less than that (it was emptied, or the job ended an hour ago); the domain's database
is the truth.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final, Protocol

import grpc
from eco2.scan.v1 import scan_pb2, scan_service_pb2, scan_service_pb2_grpc

from streaming.progress import stages
from streaming.progress.event import StoredEvent, StreamId

LOOKUP_SECONDS: Final = 2.0
"""Deadline of a question to the domain: a client is waiting."""


class DomainUnavailable(Exception):  # noqa: N818 - says what happened to the domain
    """The domain could not answer."""


@dataclass(frozen=True, slots=True)
class Job:
    """A job as its domain sees it."""

    user_id: str
    domain: stages.Domain
    ending: StoredEvent | None
    """The event that ends its stream; None while it runs."""


class JobSource(Protocol):
    """A domain that has jobs."""

    async def get(self, job_id: str) -> Job | None:
        """The job, or None when there is no such one; raises DomainUnavailable."""
        ...


class ScanJobs:
    """Asks ScanService.GetJob."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._scan = scan_service_pb2_grpc.ScanServiceStub(channel)

    async def get(self, job_id: str) -> Job | None:
        """The scan job, or None; raises DomainUnavailable."""
        request = scan_service_pb2.GetJobRequest(job_id=job_id)
        try:
            response = await self._scan.GetJob(request, timeout=LOOKUP_SECONDS)
        except grpc.aio.AioRpcError as error:
            if error.code() in (grpc.StatusCode.NOT_FOUND, grpc.StatusCode.INVALID_ARGUMENT):
                return None
            raise DomainUnavailable(f"scan: {error.code().name}") from error
        job = response.job
        return Job(job.user_id, "scan", scan_ending(job))


def scan_ending(job: scan_pb2.Job) -> StoredEvent | None:
    """The event that tells how a scan ended; None while it runs.

    It equals what the last stage publishes, and has the time of the ending as its id.
    """
    ended = job.finished_at
    id_ = StreamId(ended.seconds * 1000 + ended.nanos // 1_000_000, 0)
    if job.status == "completed":
        status, message, result = stages.COMPLETED, None, job.result_json
    elif job.status in ("failed", "cancelled"):
        status, message = stages.FAILED, job.error_message or "취소된 작업입니다."
        result = json.dumps({"error": message}, ensure_ascii=False)
    else:
        return None
    return StoredEvent(
        id_,
        job.job_id,
        stages.DONE,
        status,
        stages.lowest_seq("scan", stages.DONE, status),
        stages.percentage("scan", stages.DONE, status),
        _in_one_line(result),
        message,
    )


def _in_one_line(document: str) -> str:
    """A JSON document without line ends, which would break an SSE frame."""
    if "\n" in document or "\r" in document:
        return json.dumps(json.loads(document), ensure_ascii=False, separators=(",", ":"))
    return document
