"""The limit on submissions, at the served scan service."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from typing import Any, cast

import grpc
import grpc.aio
import pytest
import pytest_asyncio
from eco2.scan.v1 import scan_service_pb2 as pb
from eco2.scan.v1.scan_service_pb2_grpc import ScanServiceStub

from mesh.local.ephemeral import EphemeralParts
from mesh.local.free_ports import PortBlock
from services.scan.app import build as build_scan
from tests.integration.backend import Refused
from tests.serving import migrated, serving

pytestmark = pytest.mark.parts


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def environ(parts: EphemeralParts) -> AsyncIterator[dict[str, str]]:
    """Where a scan service with a limit of three finds its parts; it sends nothing."""
    ports = PortBlock()
    yield {
        **parts.environ,
        **await migrated(parts.postgres_url("limits")),
        **ports.table(("scan", "images")),
        "ECO2_KAFKA_BOOTSTRAP": "127.0.0.1:1",
        "ECO2_SCAN_SUBMITS_PER_MINUTE": "3",
    }
    ports.close()


async def submit(scan: Any, user_id: str) -> None:
    """A submission that gets as far as the checks on the request."""
    async with Refused("IMAGE_URL_REQUIRED"):
        await scan.SubmitScan(pb.SubmitScanRequest(), metadata=(("x-user-id", user_id),))


async def test_one_user_too_fast_is_told_to_wait_and_others_are_not(
    environ: dict[str, str], redis_url: str
) -> None:
    async with serving((build_scan,), environ | {"ECO2_REDIS_URL": redis_url}) as context:
        scan: Any = ScanServiceStub(context.channel("scan"))
        fast, other = str(uuid.uuid4()), str(uuid.uuid4())
        for _ in range(3):
            await submit(scan, fast)
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await scan.SubmitScan(pb.SubmitScanRequest(), metadata=(("x-user-id", fast),))
        assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        trailers = dict(cast("Any", refused.value.trailing_metadata()))
        assert trailers["x-http-status"] == "429"
        assert 50 <= int(trailers["retry-after"]) <= 60
        async with Refused("RATE_LIMITED") as refusal:
            await scan.SubmitScan(pb.SubmitScanRequest(), metadata=(("x-user-id", fast),))
        assert refusal.metadata == {"limit": "3", "window_seconds": "60"}
        await submit(scan, other)


async def test_without_redis_nobody_is_held_up(environ: dict[str, str]) -> None:
    nowhere = {"ECO2_REDIS_URL": "redis://127.0.0.1:1/0"}
    async with serving((build_scan,), environ | nowhere) as context:
        scan: Any = ScanServiceStub(context.channel("scan"))
        user_id = str(uuid.uuid4())
        for _ in range(6):
            await submit(scan, user_id)
