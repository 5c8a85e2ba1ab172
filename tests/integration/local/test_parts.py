"""What the real parts promise to the rest: data that last, signatures that bind, quick recovery."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator

import asyncpg
import boto3
import httpx
import pytest
from botocore.config import Config
from redis.asyncio import Redis

from mesh.local.ephemeral import EphemeralParts
from mesh.local.parts import postgres, s3proxy

pytestmark = pytest.mark.parts

ORIGIN = "https://frontend.dev.growbin.app"


@pytest.fixture(scope="module")
def own() -> Iterator[EphemeralParts]:
    """Parts of this module alone: they get killed."""
    with EphemeralParts() as running:
        yield running


def _signed_put(endpoint: str, key: str, content_type: str) -> str:
    client = boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name=s3proxy.REGION,
        aws_access_key_id=s3proxy.ACCESS_KEY,
        aws_secret_access_key=s3proxy.SECRET_KEY,
        config=Config(signature_version="s3v4", s3={"addressing_style": "path"}),
    )
    parameters = {"Bucket": s3proxy.BUCKET, "Key": key, "ContentType": content_type}
    url: str = client.generate_presigned_url("put_object", Params=parameters, ExpiresIn=60)
    return url


async def test_an_upload_url_takes_only_what_was_signed(own: EphemeralParts) -> None:
    url = await asyncio.to_thread(_signed_put, own.s3_endpoint, "scan/a.jpg", "image/jpeg")
    async with httpx.AsyncClient() as client:
        other = await client.put(url, content=b"x", headers={"content-type": "text/html"})
        moved = await client.put(
            url.replace("a.jpg", "b.jpg"), content=b"x", headers={"content-type": "image/jpeg"}
        )
        right = await client.put(
            url, content=b"x", headers={"content-type": "image/jpeg", "origin": ORIGIN}
        )
        stranger = await client.get(f"{own.s3_endpoint}/{s3proxy.BUCKET}/scan/a.jpg")
    assert [other.status_code, moved.status_code] == [403, 403]
    assert right.status_code == 200
    assert right.headers["access-control-allow-origin"] == ORIGIN
    assert stranger.status_code == 403


async def test_uploads_from_a_browser_are_allowed_to_the_apps_origins_only(
    own: EphemeralParts,
) -> None:
    asked = {
        "access-control-request-method": "PUT",
        "access-control-request-headers": "content-type",
    }
    url = f"{own.s3_endpoint}/{s3proxy.BUCKET}/scan/a.jpg"
    async with httpx.AsyncClient() as client:
        ours = await client.options(url, headers={**asked, "origin": ORIGIN})
        other = await client.options(url, headers={**asked, "origin": f"{ORIGIN}.evil.example"})
    assert ours.status_code == 200
    assert ours.headers["access-control-allow-origin"] == ORIGIN
    assert "PUT" in ours.headers["access-control-allow-methods"]
    assert "access-control-allow-origin" not in other.headers


async def test_postgres_refuses_a_wrong_password(own: EphemeralParts) -> None:
    url = own.postgres_url()
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(url, password="wrong")


async def test_the_database_is_empty_and_speaks_utf_8(own: EphemeralParts) -> None:
    connection = await asyncpg.connect(own.postgres_url("korean"))
    try:
        assert await connection.fetchval("SHOW server_encoding") == "UTF8"
        assert await connection.fetchval("SELECT length('무색페트')") == 4
        assert await connection.fetchval("SHOW timezone") == "UTC"
        tables = await connection.fetchval(
            "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
        )
        assert tables == 0
    finally:
        await connection.close()


def test_postgres_does_not_run_as_root(own: EphemeralParts) -> None:
    own.postgres_url()
    owner = os.stat(f"/proc/{own.pid('postgres')}").st_uid
    assert owner != 0
    assert postgres.system_user() is None or owner != os.geteuid()


async def test_what_redis_acknowledged_survives_kill_9(own: EphemeralParts) -> None:
    client = Redis.from_url(own.redis_url)
    await client.xadd("progress", {"seq": 1})
    await client.aclose()
    await asyncio.to_thread(own.restart, "redis")
    client = Redis.from_url(own.redis_url)
    assert await client.xlen("progress") == 1
    await client.aclose()


async def test_a_killed_broker_takes_requests_again_within_its_session_time_out(
    own: EphemeralParts,
) -> None:
    assert own.kafka_bootstrap
    begun = asyncio.get_running_loop().time()
    await asyncio.to_thread(own.restart, "kafka")
    assert asyncio.get_running_loop().time() - begun < 20


def test_an_orderly_end_leaves_no_process(own: EphemeralParts) -> None:
    with EphemeralParts() as brief:
        assert brief.redis_url
        pid = brief.pid("redis")
        os.kill(pid, 0)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
