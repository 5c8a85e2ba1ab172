"""Submitting while something is away: accepted all the same, or refused with a reason."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from eco2.scan.v1 import scan_service_pb2

from mesh.local.ephemeral import EphemeralParts
from mesh.local.free_ports import PortBlock
from tests.integration.backend import Backend, Refused, new_user, running_backend

pytestmark = pytest.mark.parts

SERVERS = ("images", "scan")


@asynccontextmanager
async def with_away(parts: EphemeralParts, **away: str) -> AsyncIterator[Backend]:
    """A second backend beside the one of the session, with parts that can't be reached."""
    ports = PortBlock()
    try:
        async with running_backend(parts, {**ports.table(SERVERS), **away}) as running:
            yield running
    finally:
        ports.close()


async def submit(backend: Backend, key: str = "") -> str:
    user = new_user()
    image = await backend.upload(user)
    headers = {"x_idempotency_key": key} if key else {}
    response = await backend.scan.SubmitScan(
        scan_service_pb2.SubmitScanRequest(image_url=image.cdn_url),
        metadata=backend.as_user(user, **headers),
        timeout=5,
    )
    return str(response.job_id)


async def status(backend: Backend, job_id: str) -> str:
    found: str = await backend.scan_db.fetchval("SELECT status FROM jobs WHERE job_id = $1", job_id)
    return found


async def test_without_kafka_scans_are_accepted_and_stay_queued(parts: EphemeralParts) -> None:
    async with with_away(parts, ECO2_KAFKA_BOOTSTRAP="127.0.0.1:9") as backend:
        for key in ("", "with a key"):
            assert await status(backend, await submit(backend, key)) == "queued"


async def test_without_redis_and_kafka_scans_are_accepted_and_readable(
    parts: EphemeralParts,
) -> None:
    async with with_away(
        parts, ECO2_KAFKA_BOOTSTRAP="127.0.0.1:9", ECO2_REDIS_URL="redis://127.0.0.1:9/0"
    ) as backend:
        job_id = await submit(backend)
        assert await status(backend, job_id) == "queued"
        job = await backend.scan.GetJob(scan_service_pb2.GetJobRequest(job_id=job_id))
        call = backend.scan.GetScanResultDocument(
            scan_service_pb2.GetScanResultDocumentRequest(job_id=job_id),
            metadata=backend.as_user(job.job.user_id),
            timeout=5,
        )
        assert b'"current_stage":null' in (await call).data


async def test_without_the_storage_scans_are_refused_as_unavailable(
    parts: EphemeralParts, backend: Backend
) -> None:
    user = new_user()
    image = await backend.upload(user)
    async with (
        with_away(parts, ECO2_S3_ENDPOINT="http://127.0.0.1:9") as crippled,
        Refused("DEPENDENCY_UNAVAILABLE") as refusal,
    ):
        await crippled.scan.SubmitScan(
            scan_service_pb2.SubmitScanRequest(image_url=image.cdn_url),
            metadata=crippled.as_user(user),
        )
    assert refusal.metadata["dependency"] == "object storage"


async def test_without_the_images_service_scans_are_refused_as_unavailable(
    parts: EphemeralParts, backend: Backend
) -> None:
    user = new_user()
    image = await backend.upload(user)
    async with (
        with_away(parts, ECO2_GRPC_IMAGES="127.0.0.1:9") as crippled,
        Refused("DEPENDENCY_UNAVAILABLE") as refusal,
    ):
        await crippled.scan.SubmitScan(
            scan_service_pb2.SubmitScanRequest(image_url=image.cdn_url),
            metadata=crippled.as_user(user),
        )
    assert refusal.metadata["dependency"] == "images"
