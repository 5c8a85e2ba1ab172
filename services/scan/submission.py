"""Accepting a scan, from the checks on the request to the record in Kafka."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import grpc.aio
from eco2.images.v1 import images_service_pb2, images_service_pb2_grpc
from eco2.scan.v1 import scan_service_pb2

from services.runtime import telemetry
from services.runtime.remote import domain_error
from services.scan import idempotency, refusals
from services.scan.dispatch import Dispatcher
from services.scan.job import Claim, Submission
from services.scan.models import SUPPORTED
from services.scan.settings import ScanSettings
from services.scan.store import JobStore


class Intake:
    """Takes submissions in. The committed row is the acceptance; what follows can't undo it."""

    def __init__(
        self,
        store: JobStore,
        images: images_service_pb2_grpc.ImagesServiceAsyncStub,
        dispatcher: Dispatcher,
        settings: ScanSettings,
    ) -> None:
        self._store = store
        self._images = images
        self._dispatcher = dispatcher
        self._settings = settings
        self._key_ttl = timedelta(seconds=settings.idempotency_seconds)

    async def submit(
        self, request: scan_service_pb2.SubmitScanRequest, user_id: uuid.UUID, key: str
    ) -> uuid.UUID:
        """Id of the job that was accepted for this request, now or by an earlier equal one."""
        _check(request, key)
        print_of_payload = idempotency.fingerprint(
            request.image_url, request.user_input, request.model, request.municipality
        )
        if key:
            known = await self._store.first(user_id, key, self._key_ttl)
            if known is not None:
                return _same(known, print_of_payload)
        image = await self._inspect(request.image_url)
        now = datetime.now(UTC)
        job = Submission(
            job_id=uuid.uuid4(),
            user_id=user_id,
            image_url=request.image_url,
            image_key=image.key,
            image_content_type=image.content_type,
            user_input=_stored(request.user_input),
            model=request.model,
            municipality=_stored(request.municipality),
            traceparent=telemetry.current_traceparent(),
            created_at=now,
            deadline_at=now + timedelta(seconds=self._settings.job_deadline_seconds),
        )
        if key:
            claim = await self._store.accept_once(job, key, print_of_payload, self._key_ttl)
            if claim.job_id != job.job_id:
                return _same(claim, print_of_payload)
        else:
            await self._store.accept(job)
        await self._dispatcher.announce(job)
        return job.job_id

    async def _inspect(self, image_url: str) -> images_service_pb2.InspectImageResponse:
        try:
            return await self._images.InspectImage(
                images_service_pb2.InspectImageRequest(image_url=image_url),
                timeout=self._settings.inspect_seconds,
            )
        except grpc.aio.AioRpcError as error:
            raise domain_error(error, "images") or error from error


def idempotency_key(metadata: Iterable[tuple[str, str | bytes]] | None) -> str:
    """The key a call carries; empty when it carries none."""
    for name, value in metadata or ():
        if name == idempotency.HEADER:
            return str(value).strip()
    return ""


def _check(request: scan_service_pb2.SubmitScanRequest, key: str) -> None:
    """Raise DomainError for a request that no photo could make acceptable."""
    if not request.image_url:
        raise refusals.image_url_required()
    if request.model and request.model not in SUPPORTED:
        raise refusals.unsupported_model(request.model)
    if len(key) > idempotency.MAX_LENGTH:
        raise refusals.invalid(
            idempotency.HEADER, f"must be at most {idempotency.MAX_LENGTH} characters"
        )


def _same(claim: Claim, fingerprint: bytes) -> uuid.UUID:
    if claim.fingerprint != fingerprint:
        raise refusals.key_reused()
    return claim.job_id


def _stored(text: str) -> str:
    """Text as PostgreSQL can hold it: without NUL, which nobody types."""
    return text.replace("\0", "").strip()
