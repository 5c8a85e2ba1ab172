"""The images and scan services on a real gRPC server of this process, over real parts.

Their background work is left out, except for what a test starts itself: a test that looks at a
sweeper wants to say when it sweeps.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import asyncpg
import grpc.aio
import httpx
import pytest
from eco2.errors.v1.error_reason_pb2 import ErrorReason
from eco2.images.v1 import images_service_pb2, images_service_pb2_grpc
from eco2.scan.v1 import scan_service_pb2_grpc

from mesh.local.ephemeral import EphemeralParts
from services.images import app as images_app
from services.runtime.context import ProcessContext
from services.runtime.grpc_server import GrpcServer
from services.runtime.health import Health
from services.runtime.identity import USER_ID
from services.runtime.migrations import migrate
from services.runtime.ports import HOST, port
from services.runtime.remote import domain_error
from services.runtime.settings import RuntimeSettings
from services.scan import app as scan_app
from streaming.kafka.admin import ensure_topics
from tests.photos import jpeg
from tests.serving import NO_READS

JPEG = jpeg(2000)
"""A small photo."""


@dataclass
class Backend:
    """The running services and ways to reach them."""

    context: ProcessContext
    images: Any
    scan: Any
    images_db: asyncpg.Pool
    scan_db: asyncpg.Pool
    http: httpx.AsyncClient

    def as_user(self, user_id: str, **headers: str) -> tuple[tuple[str, str], ...]:
        """Metadata of a call that the edge has let through for this user."""
        extra = ((name.replace("_", "-"), value) for name, value in headers.items())
        return ((USER_ID, user_id), ("x-eco2-edge", "1"), *extra)

    async def upload(
        self,
        user_id: str,
        data: bytes = JPEG,
        *,
        channel: str = "scan",
        filename: str = "photo.jpg",
        content_type: str = "image/jpeg",
    ) -> images_service_pb2.CreateUploadResponse:
        """Upload bytes as the app does."""
        created: images_service_pb2.CreateUploadResponse = await self.images.CreateUpload(
            images_service_pb2.CreateUploadRequest(
                channel=channel, filename=filename, content_type=content_type
            ),
            metadata=self.as_user(user_id),
        )
        answer = await self.http.put(
            created.upload_url, content=data, headers={"Content-Type": content_type}
        )
        answer.raise_for_status()
        return created


def new_user() -> str:
    """A user nobody else has."""
    return str(uuid.uuid4())


@asynccontextmanager
async def running_backend(
    parts: EphemeralParts, changes: Mapping[str, str] | None = None
) -> AsyncIterator[Backend]:
    """Start both services over PostgreSQL, Redis, Kafka and S3Proxy, migrated and with topics.

    `changes` replaces environment variables, to point a part at nothing for example.
    """
    parts.postgres_url()
    environ = {
        **parts.environ,
        "ECO2_REDIS_URL": parts.redis_url,
        "ECO2_S3_ENDPOINT": parts.s3_endpoint,
        "ECO2_KAFKA_BOOTSTRAP": parts.kafka_bootstrap,
        **(changes or {}),
        **NO_READS,
    }
    await ensure_topics(parts.kafka_bootstrap)
    with pytest.MonkeyPatch.context() as patch:  # settings are read while building
        for name, value in environ.items():
            patch.setenv(name, value)
        settings = RuntimeSettings()
        await migrate(settings)
        context = ProcessContext(settings)
        components = [await images_app.build(context), await scan_app.build(context)]
        server = GrpcServer(settings, components, Health(components))
        await server.start()
        channels = {
            name: grpc.aio.insecure_channel(f"{HOST}:{port(name)}") for name in ("images", "scan")
        }
    marks = [
        asyncio.create_task(work.run())
        for component in components
        for work in component.background
        if work.name == "scan-dispatch-marks"
    ]
    try:
        async with httpx.AsyncClient(timeout=20, trust_env=False) as http:
            yield Backend(
                context,
                images_service_pb2_grpc.ImagesServiceStub(channels["images"]),
                scan_service_pb2_grpc.ScanServiceStub(channels["scan"]),
                await context.pool("images"),
                await context.pool("scan"),
                http,
            )
    finally:
        for task in marks:
            task.cancel()
        await asyncio.gather(*marks, return_exceptions=True)
        for channel in channels.values():
            await channel.close(None)
        await server.stop(0)
        await context.close()


class Refused:
    """Expects a call to be refused: ``async with Refused("JOB_NOT_FOUND") as refusal: …``."""

    def __init__(self, reason: str) -> None:
        self._reason = reason
        self.metadata: Mapping[str, str] = {}

    async def __aenter__(self) -> Refused:
        return self

    async def __aexit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        assert isinstance(error, grpc.aio.AioRpcError), f"not refused: {error!r}"
        refusal = domain_error(error, "test")
        assert refusal is not None, error
        name = ErrorReason.Name(refusal.reason).removeprefix("ERROR_REASON_")
        assert name == self._reason, error.details()
        self.metadata = refusal.metadata
        return True
