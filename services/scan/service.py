"""ScanService: accepts scans and owns their jobs and results."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

import grpc.aio
from eco2.scan.v1 import scan_pb2, scan_service_pb2, scan_service_pb2_grpc
from google.api import httpbody_pb2
from google.protobuf import empty_pb2

from services.runtime import idempotency, identity, logs, paging, reply
from services.runtime.cursor import Cursor
from services.runtime.errors import reason_named
from services.runtime.limits import RateLimiter
from services.runtime.outbox import Entry
from services.scan import document, refusals, translate
from services.scan.completion import Completion
from services.scan.corrections import correction_of
from services.scan.erasure import Erasure
from services.scan.job import Job
from services.scan.state import Status
from services.scan.store import JobStore
from services.scan.submission import Intake
from streaming.knowledge import Knowledge
from streaming.progress.endings import Endings
from streaming.progress.event import START
from streaming.progress.history import Histories
from streaming.progress.scripts import ProgressUnavailable

log = logs.get(__name__)

DEFAULT_PAGE: Final = 20
RETRY_AFTER_SECONDS: Final = 2
"""When to ask again for a result (docs/app.md, "Scans")."""
PROGRESS_SECONDS: Final = 0.5
"""Budget of looking up how far a job is; without an answer the document says nothing of it."""

if TYPE_CHECKING:
    Context = grpc.aio.ServicerContext[Any, Any]


class ScanService(scan_service_pb2_grpc.ScanServiceServicer):
    """The public and internal RPCs of the scan domain."""

    def __init__(
        self,
        *,
        store: JobStore,
        intake: Intake,
        completion: Completion,
        endings: Endings,
        histories: Histories,
        erasure: Erasure,
        submits: RateLimiter,
        publish: Callable[[Sequence[Entry]], Awaitable[object]],
        knowledge: Knowledge,
    ) -> None:
        self._store = store
        self._intake = intake
        self._completion = completion
        self._endings = endings
        self._histories = histories
        self._erasure = erasure
        self._submits = submits
        self._publish = publish
        self._knowledge = knowledge

    async def SubmitScan(
        self, request: scan_service_pb2.SubmitScanRequest, context: Context
    ) -> scan_service_pb2.SubmitScanResponse:
        """Accept a scan, or repeat the answer to an equal earlier submission."""
        user_id = _caller()
        await self._submits.check(str(user_id))
        key = idempotency.key_of(context.invocation_metadata())
        job_id = await self._intake.submit(request, user_id, key)
        return scan_service_pb2.SubmitScanResponse(
            job_id=str(job_id),
            stream_url=f"/api/v1/scan/{job_id}/events",
            result_url=f"/api/v1/scan/{job_id}/result",
            status=Status.QUEUED,
        )

    async def GetScanResult(
        self, request: scan_service_pb2.GetScanResultRequest, context: Context
    ) -> scan_service_pb2.GetScanResultResponse:
        """The state of a scan of the caller, and its result when it is completed."""
        return translate.result_message(await self._owned(request.job_id))

    async def GetScanResultDocument(
        self, request: scan_service_pb2.GetScanResultDocumentRequest, context: Context
    ) -> httpbody_pb2.HttpBody:
        """The app's document: 200 when the scan has ended, 202 while it runs."""
        job = await self._owned(request.job_id)
        if job.status.is_terminal:
            text = translate.ended_document(job)
        else:
            reply.other_status(202)
            reply.header("retry-after", str(RETRY_AFTER_SECONDS))
            text = document.pending(*await self._progress(str(job.job_id)))
        return httpbody_pb2.HttpBody(content_type="application/json", data=text.encode())

    async def ListCategories(
        self, request: scan_service_pb2.ListCategoriesRequest, context: Context
    ) -> scan_service_pb2.ListCategoriesResponse:
        """The major categories with instructions."""
        return translate.categories_message()

    async def ListMyScans(
        self, request: scan_service_pb2.ListMyScansRequest, context: Context
    ) -> scan_service_pb2.ListMyScansResponse:
        """A page of the caller's scans, newest first."""
        user_id = _caller()
        after = paging.after(request.cursor, str(user_id))
        limit = request.limit or DEFAULT_PAGE
        rows = await self._store.history(user_id, after, limit + 1)
        page = rows[:limit]
        next_cursor = None
        if len(rows) > limit:
            next_cursor = Cursor(page[-1].created_at, page[-1].job_id).encode(str(user_id))
        return scan_service_pb2.ListMyScansResponse(
            scans=[translate.summary_message(row) for row in page], next_cursor=next_cursor
        )

    async def CancelScan(
        self, request: scan_service_pb2.CancelScanRequest, context: Context
    ) -> empty_pb2.Empty:
        """End a running scan of the caller and tell its watchers."""
        user_id = _caller()
        job_id = _job_id(request.job_id)
        if await self._store.cancel(job_id, user_id):
            await self._endings.publish([job_id], document.CANCELLED_MESSAGE)
        else:
            job = await self._owned(request.job_id)
            if job.status is not Status.CANCELLED:
                raise refusals.job_finished(request.job_id, job.status)
        return empty_pb2.Empty()

    async def SubmitCorrection(
        self, request: scan_service_pb2.SubmitCorrectionRequest, context: Context
    ) -> scan_service_pb2.SubmitCorrectionResponse:
        """Record what the item of a completed scan really was."""
        correction = correction_of(request, self._knowledge)
        job = await self._owned(request.job_id)
        if job.status is not Status.COMPLETED:
            raise refusals.job_not_finished(request.job_id, job.status)
        await self._publish(await self._store.correct(job.job_id, job.user_id, correction))
        return scan_service_pb2.SubmitCorrectionResponse(job_id=str(job.job_id), status="received")

    async def GetJob(
        self, request: scan_service_pb2.GetJobRequest, context: Context
    ) -> scan_service_pb2.GetJobResponse:
        """A job, whoever owns it."""
        job = await self._store.get(_job_id(request.job_id))
        return scan_service_pb2.GetJobResponse(job=_message(job, request.job_id))

    async def CompleteJob(
        self, request: scan_service_pb2.CompleteJobRequest, context: Context
    ) -> scan_service_pb2.CompleteJobResponse:
        """Store the result of a job; the first one wins."""
        job = await self._completion.complete(_job_id(request.job_id), request.result)
        return scan_service_pb2.CompleteJobResponse(job=_message(job, request.job_id))

    async def FailJob(
        self, request: scan_service_pb2.FailJobRequest, context: Context
    ) -> scan_service_pb2.FailJobResponse:
        """End a job with a reason, unless it has ended already."""
        job_id = _job_id(request.job_id)
        try:
            reason_named(request.reason)
        except ValueError:
            raise refusals.invalid("reason", "is not an ErrorReason") from None
        job = await self._store.fail(job_id, request.reason, request.stage)
        if job is None:
            job = await self._store.get(job_id)
        else:
            log.info("job failed", job_id=job_id, reason=request.reason, stage=request.stage)
        return scan_service_pb2.FailJobResponse(job=_message(job, request.job_id))

    async def EraseUser(
        self, request: scan_service_pb2.EraseUserRequest, context: Context
    ) -> scan_service_pb2.EraseUserResponse:
        """Remove everything kept of a user."""
        try:
            erased = await self._erasure.erase(uuid.UUID(request.user_id))
        except ProgressUnavailable as error:
            raise refusals.redis_away() from error
        return scan_service_pb2.EraseUserResponse(erased=erased)

    async def _owned(self, job_id: str) -> Job:
        """The caller's job; DomainError JOB_NOT_FOUND when it is not theirs or not there."""
        job = await self._store.get_owned(_job_id(job_id), _caller())
        if job is None:
            raise refusals.job_not_found(job_id)
        return job

    async def _progress(self, job_id: str) -> tuple[str | None, int | None]:
        """Stage and percentage a job was last seen at, as far as Redis knows."""
        try:
            async with asyncio.timeout(PROGRESS_SECONDS):
                history = await self._histories.read(job_id, START)
        except (ProgressUnavailable, TimeoutError):
            return None, None
        if not history.events:
            return None, None
        return history.events[-1].stage, history.events[-1].progress


def _caller() -> uuid.UUID:
    return uuid.UUID(identity.require_user())


def _job_id(text: str) -> uuid.UUID:
    """A job id; one that is no UUID names no job."""
    try:
        return uuid.UUID(text)
    except ValueError:
        raise refusals.job_not_found(text) from None


def _message(job: Job | None, job_id: str) -> scan_pb2.Job:
    if job is None:
        raise refusals.job_not_found(job_id)
    return translate.job_message(job)
