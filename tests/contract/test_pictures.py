"""Uploaded pictures are read through the edge, from a bucket that is not public."""

from __future__ import annotations

import os
from pathlib import Path

import boto3
import httpx
import pytest
from botocore.config import Config

from mesh.local.parts import s3proxy
from tests.contract.edge import ORIGIN, PICTURE, Edge, running_edge

KEY = "scan/" + "0" * 32 + ".png"
LARGE = "scan/" + "1" * 32 + ".jpg"


async def test_query_and_credentials_do_not_reach_the_storage(edge: Edge) -> None:
    answer = await edge.client.get(
        f"/images/{KEY}?acl&uploads",
        headers={**edge.signed_in(), "cookie": "s_access=x", "x-amz-copy-source": "/other/key"},
    )
    assert answer.status_code == 200
    assert answer.content == PICTURE
    (call,) = edge.storage.calls
    assert (call.path, call.query) == (f"/eco2-images/{KEY}", "")
    assert call.headers["authorization"].startswith("AWS4-HMAC-SHA256 Credential=reader/")
    assert "cookie" not in call.headers
    assert "x-amz-copy-source" not in call.headers


async def test_pictures_never_run_as_documents(edge: Edge) -> None:
    answer = await edge.client.get(f"/images/{KEY}", headers={"origin": ORIGIN})
    assert answer.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["access-control-allow-origin"] == ORIGIN


@pytest.mark.parametrize("verb", ["PUT", "POST", "DELETE", "PATCH"])
async def test_pictures_can_only_be_read(edge: Edge, verb: str) -> None:
    answer = await edge.client.request(verb, f"/images/{KEY}", content=b"x")
    assert answer.status_code == 404
    assert edge.storage.calls == []


@pytest.mark.parametrize("path", ["/images/", "/images/scan", "/images/scan/", "/images/../images"])
async def test_the_bucket_cannot_be_listed(edge: Edge, path: str) -> None:
    answer = await edge.client.get(path)
    assert answer.status_code == 404
    assert edge.storage.calls == []


@pytest.mark.parts
async def test_picture_is_read_from_real_storage(s3_endpoint: str, tmp_path: Path) -> None:
    storage = boto3.client(
        "s3",
        endpoint_url=s3_endpoint,
        region_name=s3proxy.REGION,
        aws_access_key_id=s3proxy.ACCESS_KEY,
        aws_secret_access_key=s3proxy.SECRET_KEY,
        config=Config(signature_version="s3v4", s3={"addressing_style": "path"}),
    )
    storage.put_object(Bucket=s3proxy.BUCKET, Key=KEY, Body=PICTURE, ContentType="image/png")
    large = os.urandom(5 * 2**20)
    storage.put_object(Bucket=s3proxy.BUCKET, Key=LARGE, Body=large, ContentType="image/jpeg")
    settings = {
        "ECO2_S3_ENDPOINT": s3_endpoint,
        "ECO2_S3_ACCESS_KEY": s3proxy.ACCESS_KEY,
        "ECO2_S3_SECRET_KEY": s3proxy.SECRET_KEY,
    }
    async with running_edge(tmp_path, settings) as edge:
        answer = await edge.client.get(f"/images/{KEY}")
        assert (answer.status_code, answer.content) == (200, PICTURE)
        assert answer.headers["content-type"] == "image/png"
        assert (await edge.client.head(f"/images/{KEY}")).status_code == 200
        assert (await edge.client.get(f"/images/{LARGE}")).content == large
        part = await edge.client.get(f"/images/{LARGE}", headers={"range": "bytes=10-19"})
        assert (part.status_code, part.content) == (206, large[10:20])
        assert (await edge.client.head("/images/scan/nothing.png")).status_code == 404
        missing = await edge.client.get("/images/scan/nothing.png")
        assert missing.status_code == 404
        assert missing.json()["details"][0]["reason"] == "ROUTE_NOT_FOUND"
        assert missing.headers["cache-control"] == "no-store"
        assert "eco2-images" not in missing.text
        async with httpx.AsyncClient() as stranger:
            refused = await stranger.get(f"{s3_endpoint}/eco2-images?list-type=2")
        assert refused.status_code == 403
