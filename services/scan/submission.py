"""Accepting a scan, from the checks on the request to the record in Kafka."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

from eco2.images.v1 import images_service_pb2_grpc
from eco2.scan.v1 import scan_service_pb2

from services.runtime import idempotency, model_names, pictures, telemetry
from services.runtime.fingerprint import fingerprint
from services.scan import refusals
from services.scan.dispatch import Dispatcher
from services.scan.job import Submission
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
        if not request.image_url:
            raise refusals.image_url_required()
        model_names.check(request.model)
        print_of_payload = fingerprint(
            request.image_url, request.user_input, request.model, request.municipality
        )
        if key:
            known = await self._store.first(user_id, key, self._key_ttl)
            if known is not None:
                return idempotency.same(known, print_of_payload)
        image = await pictures.inspect(
            self._images, request.image_url, self._settings.inspect_seconds
        )
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
                return idempotency.same(claim, print_of_payload)
        else:
            await self._store.accept(job)
        await self._dispatcher.announce(job)
        return job.job_id


def _stored(text: str) -> str:
    """Text as PostgreSQL can hold it: without NUL, which nobody types."""
    return text.replace("\0", "").strip()
