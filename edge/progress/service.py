"""ProgressService: the typed face of the progress core."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator

import grpc
from eco2.errors.v1.error_reason_pb2 import ErrorReason
from eco2.progress.v1 import progress_pb2, progress_service_pb2, progress_service_pb2_grpc

from edge.progress import metrics, resume
from edge.progress.core import RETRY_AFTER_SECONDS, ProgressCore
from services.runtime import identity
from services.runtime.errors import DomainError
from streaming.progress import stages
from streaming.progress.event import StoredEvent

FACE = "grpc"


class ProgressServicer(progress_service_pb2_grpc.ProgressServiceServicer):
    """Streams what happens to a job."""

    def __init__(self, core: ProgressCore) -> None:
        self._core = core

    async def WatchJob(
        self,
        request: progress_service_pb2.WatchJobRequest,
        context: grpc.aio.ServicerContext[
            progress_service_pb2.WatchJobRequest, progress_service_pb2.WatchJobResponse
        ],
    ) -> AsyncIterator[progress_service_pb2.WatchJobResponse]:
        """Replay after last_event_id, follow, and end after the job's last event."""
        user_id = identity.require_user()
        stream = await self._core.open(
            request.job_id,
            user_id=user_id,
            domain=None,
            resume=resume.parse(request.last_event_id, now_ms=int(time.time() * 1000)),
        )
        metrics.OPENED.labels(FACE).inc()
        metrics.ACTIVE.labels(FACE).inc()
        opened_at, reason = time.monotonic(), "disconnect"
        try:
            while True:
                for item in await stream.next():
                    yield progress_service_pb2.WatchJobResponse(event=message(item.event))
                    if item.event.is_terminal:
                        reason = "failed" if item.event.status == stages.FAILED else "done"
                        return
                if stream.closed:
                    reason = stream.closed
                    raise DomainError(
                        ErrorReason.ERROR_REASON_SHUTTING_DOWN,
                        "this server is going away; resume after the last event elsewhere",
                        retry_after_seconds=RETRY_AFTER_SECONDS,
                    )
        finally:
            self._core.release(stream)
            metrics.ACTIVE.labels(FACE).dec()
            metrics.CLOSED.labels(FACE, reason).inc()
            metrics.DURATION.observe(time.monotonic() - opened_at)


def message(event: StoredEvent) -> progress_pb2.ProgressEvent:
    """The event as its message."""
    return progress_pb2.ProgressEvent(
        event_id=resume.event_id(event),
        job_id=event.job_id,
        stage=event.stage,
        status=event.status,
        seq=event.seq,
        ts=event.id.ms / 1000,
        progress=event.progress,
        result_json=event.result or "",
        message=event.message or "",
        content=event.content or "",
        node=event.node or "",
        traceparent=event.traceparent,
    )
