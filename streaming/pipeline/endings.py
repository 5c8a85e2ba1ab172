"""Ending a job without a result: in the scan service first, then for those who watch it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

import grpc
import grpc.aio
from eco2.pipeline.v1 import scan_task_pb2
from eco2.scan.v1 import scan_pb2, scan_service_pb2

from services.runtime import logs
from services.runtime.errors import meaning_of, reason_named
from streaming.progress import stages
from streaming.progress.event import ProgressEvent
from streaming.progress.publisher import ProgressPublisher
from streaming.progress.scripts import ProgressUnavailable

if TYPE_CHECKING:
    from eco2.scan.v1.scan_service_pb2_grpc import ScanServiceAsyncStub

log = logs.get(__name__)

CALL_SECONDS: Final = 5.0
"""Time of one call to the scan service."""

COMPLETED: Final = "completed"
CANCELLED: Final = "cancelled"
CANCELLED_MESSAGE: Final = "취소된 작업입니다."


class Endings:
    """Fails jobs, and publishes how jobs ended, whoever has ended them."""

    def __init__(self, scan: ScanServiceAsyncStub, publisher: ProgressPublisher) -> None:
        self._scan = scan
        self._publisher = publisher

    async def fail(self, task: scan_task_pb2.ScanTask, stage: str, reason: str) -> scan_pb2.Job:
        """End a job with a reason, unless it has ended; how it ended. Repeatable.

        Raises ``grpc.aio.AioRpcError`` when the scan service can't be told.
        """
        request = scan_service_pb2.FailJobRequest(job_id=task.job_id, reason=reason, stage=stage)
        try:
            answer = await self._scan.FailJob(request, timeout=CALL_SECONDS)
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.NOT_FOUND:
                raise
            log.warning("a job to be failed does not exist", job_id=task.job_id, stage=stage)
            return scan_pb2.Job(status="failed", error_reason=reason)
        return answer.job

    async def publish(self, task: scan_task_pb2.ScanTask, job: scan_pb2.Job, stage: str) -> None:
        """Publish how a job ended, as far as Redis allows: those who come back to watch learn it
        from the scan service.
        """
        events = [last_event(task.job_id, job, stage)]
        if job.status == COMPLETED:
            # by a worker that may have died before it told
            stored = ProgressEvent(
                job_id=task.job_id, stage=stages.STORES_SCAN, status=stages.COMPLETED
            )
            events.insert(0, stored)
        try:
            await self._publisher.open_job(
                task.job_id, domain="scan", user_id=task.user_id, events=events
            )
        except ProgressUnavailable as error:
            log.repeated("the end of a job was not published", job_id=task.job_id, error=str(error))


def last_event(job_id: str, job: scan_pb2.Job, stage: str, *, fence: int = 0) -> ProgressEvent:
    """The event that ends the stream of a job as it is stored: `done` with its result, else the
    failure of `stage` with a text for the user.
    """
    if job.status == COMPLETED:
        return ProgressEvent(
            job_id=job_id,
            stage=stages.DONE,
            status=stages.COMPLETED,
            fence=fence,
            result=job.result_json,
        )
    text = CANCELLED_MESSAGE if job.status == CANCELLED else job.error_message
    if not text:
        text = meaning_of(reason_named(job.error_reason or "STAGE_FAILED")).message_ko
    return ProgressEvent(
        job_id=job_id,
        stage=stage,
        status=stages.FAILED,
        fence=fence,
        result=json.dumps({"error": text}, ensure_ascii=False),
        message=text,
    )
