"""What may come in instead of a scan, each through the edge, each with the answer the app gets."""

from __future__ import annotations

import asyncio
import socket
import time
import uuid
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from services.cli.app_client import AppClient
from services.cli.demo import SAMPLE
from tests.e2e.refusals import assert_refused
from tests.e2e.world import ORIGIN, World, photo, submit, to_end

pytestmark = pytest.mark.stack

MISSING = "/scan/00000000000000000000000000000000.jpg"


@pytest.fixture(scope="module")
async def app(world: World) -> AsyncIterator[httpx.AsyncClient]:
    """The app of a signed-in user, as a browser: every request carries an origin."""
    async with httpx.AsyncClient(
        base_url=world.stack.base_url,
        headers={"origin": ORIGIN, "authorization": f"Bearer {await world.token('alice')}"},
        timeout=30,
        trust_env=False,
    ) as client:
        yield client


@pytest.fixture(scope="module")
async def stranger(world: World) -> AsyncIterator[httpx.AsyncClient]:
    """The app of another user."""
    async with httpx.AsyncClient(
        base_url=world.stack.base_url,
        headers={"origin": ORIGIN, "authorization": f"Bearer {await world.token('bob')}"},
        trust_env=False,
    ) as client:
        yield client


async def ticket(app: httpx.AsyncClient, content_type: str = "image/jpeg") -> dict[str, Any]:
    answer = await app.post(
        "/api/v1/images/scan", json={"filename": "a.jpg", "content_type": content_type}
    )
    assert answer.status_code == 200, answer.text
    document: dict[str, Any] = answer.json()
    return document


async def put(upload_url: str, data: bytes, content_type: str = "image/jpeg") -> httpx.Response:
    async with httpx.AsyncClient(trust_env=False, timeout=60) as storage:
        return await storage.put(
            upload_url, content=data, headers={"content-type": content_type, "origin": ORIGIN}
        )


async def scan_of(app: httpx.AsyncClient, data: bytes) -> httpx.Response:
    """Upload bytes and submit them."""
    upload = await ticket(app)
    assert (await put(upload["upload_url"], data)).status_code == 200
    return await app.post("/api/v1/scan", json={"image_url": upload["cdn_url"]})


# photos


@pytest.mark.parametrize(
    "data",
    [
        b"not an image at all",
        b"%PDF-1.7 ...",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"\xff\xd8",
        b"\0" * 16,
        b"<html><script>alert(1)</script>",
    ],
)
async def test_not_an_image(app: httpx.AsyncClient, data: bytes) -> None:
    assert_refused(await scan_of(app, data), 415, "IMAGE_TYPE_UNSUPPORTED")


async def test_empty_file(app: httpx.AsyncClient) -> None:
    assert_refused(await scan_of(app, b""), 400, "IMAGE_EMPTY")


async def test_upload_of_30_megabytes(app: httpx.AsyncClient) -> None:
    data = b"\xff\xd8\xff\xe0" + bytes(30 * 1024 * 1024)
    answer = await scan_of(app, data)
    assert_refused(answer, 413, "IMAGE_TOO_LARGE")


async def test_content_type_other_than_the_signed_one_is_refused_by_the_storage(
    app: httpx.AsyncClient,
) -> None:
    upload = await ticket(app, "image/png")
    answer = await put(upload["upload_url"], b"\x89PNG\r\n\x1a\n", "image/jpeg")
    assert answer.status_code == 403
    refused = await app.post("/api/v1/scan", json={"image_url": upload["cdn_url"]})
    assert_refused(refused, 400, "IMAGE_NOT_FOUND")


async def test_photo_cut_off_in_the_middle(app: httpx.AsyncClient) -> None:
    answer = await scan_of(app, SAMPLE.read_bytes()[:2000])
    assert_refused(answer, 400, "IMAGE_DAMAGED")


# urls


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/scan/a.jpg",
        "https://images.growbin.app.evil.example" + MISSING,
        "http://127.0.0.1:22/",
        "http://10.0.0.1" + MISSING,
        "ftp://localhost" + MISSING,
        "file:///etc/passwd",
        "http://169.254.169.254/latest/meta-data/",
        "http://[::1]/x.jpg",
        "http://0x7f000001/x.jpg",
        "http://2130706433/x.jpg",
        "http://localhost:1/images" + MISSING,
        "http://user:secret@localhost/images" + MISSING,
    ],
)
async def test_url_on_another_host(app: httpx.AsyncClient, url: str) -> None:
    answer = await app.post("/api/v1/scan", json={"image_url": url})
    assert_refused(answer, 400, "IMAGE_URL_NOT_ALLOWED")
    assert "secret" not in answer.text


async def test_url_that_would_redirect_is_never_fetched(app: httpx.AsyncClient) -> None:
    asked = asyncio.Event()

    async def redirect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.set()
        writer.write(b"HTTP/1.1 302 -\r\nLocation: http://127.0.0.1/\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(redirect, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        url = f"http://127.0.0.1:{port}/scan/a.jpg"
        answer = await app.post("/api/v1/scan", json={"image_url": url})
    assert_refused(answer, 400, "IMAGE_URL_NOT_ALLOWED")
    assert not asked.is_set()


@pytest.mark.parametrize(
    "tail",
    [
        "/../../etc/passwd",
        "/scan/../my/" + "0" * 32 + ".jpg",
        "/scan/%2e%2e/" + "0" * 32 + ".jpg",
        MISSING + "?x=1",
        MISSING + "#x",
        MISSING + "/",
        "//evil.example" + MISSING,
    ],
)
async def test_url_that_is_no_image_of_ours(
    world: World, app: httpx.AsyncClient, tail: str
) -> None:
    base = (await ticket(app))["cdn_url"].rpartition("/scan/")[0]
    answer = await app.post("/api/v1/scan", json={"image_url": base + tail})
    assert_refused(answer, 400, "IMAGE_URL_NOT_ALLOWED")


async def test_photo_that_was_never_uploaded(app: httpx.AsyncClient) -> None:
    upload = await ticket(app)
    answer = await app.post("/api/v1/scan", json={"image_url": upload["cdn_url"]})
    assert_refused(answer, 400, "IMAGE_NOT_FOUND")


@pytest.mark.parametrize("url", ["not a url", "/images/scan/a.jpg", "x" * 9000])
async def test_malformed_url(app: httpx.AsyncClient, url: str) -> None:
    answer = await app.post("/api/v1/scan", json={"image_url": url})
    assert_refused(answer, 422, "VALIDATION_FAILED")


@pytest.mark.parametrize("document", [{}, {"image_url": ""}, {"image_url": None}])
async def test_missing_url(app: httpx.AsyncClient, document: dict[str, Any]) -> None:
    answer = await app.post("/api/v1/scan", json=document)
    assert_refused(answer, 400, "IMAGE_URL_REQUIRED")


# requests


async def test_unknown_model(app: httpx.AsyncClient) -> None:
    upload = await ticket(app)
    answer = await app.post(
        "/api/v1/scan", json={"image_url": upload["cdn_url"], "model": "gpt-17"}
    )
    assert_refused(answer, 400, "UNSUPPORTED_MODEL")


async def test_malformed_json(app: httpx.AsyncClient) -> None:
    for body in (b"{", b'{"image_url": ', b"[]", b"\xff", b"null x"):
        answer = await app.post("/api/v1/scan", content=body)
        assert_refused(answer, 400, "MALFORMED_REQUEST")


async def test_oversize_body(app: httpx.AsyncClient) -> None:
    for _ in range(12):  # in step with the check of the token, or ahead of it
        answer = await app.post("/api/v1/scan", json={"image_url": "x" * 2_000_000})
        assert_refused(answer, 413, "PAYLOAD_TOO_LARGE")


async def test_question_with_control_characters_is_accepted(world: World, alice: AppClient) -> None:
    job = await submit(alice, "이거\x00 어떻게\x1b[31m \u202e버려요? \U0001f9f4" + "아" * 500)
    assert (await to_end(alice, job)).last.name == "done"


# somebody's jobs


@pytest.mark.parametrize("job_id", [str(uuid.uuid4()), "0" * 32, "not-a-uuid-at-all", "a" * 64])
async def test_unknown_job(app: httpx.AsyncClient, job_id: str) -> None:
    await _assert_no_job(app, job_id)


async def test_job_of_somebody_else_does_not_exist(
    world: World, alice: AppClient, app: httpx.AsyncClient, stranger: httpx.AsyncClient
) -> None:
    with world.model.script(scale=0.1) as script:
        job = await submit(alice, script.word)
        await _assert_no_job(stranger, job.job_id)
        assert (await to_end(alice, job)).last.name == "done"
    await _assert_no_job(stranger, job.job_id)
    assert (await app.get(job.result_url)).json()["status"] == "completed"
    page = (await stranger.get("/api/v1/scan/history")).json()
    assert job.job_id not in [scan["job_id"] for scan in page["scans"]]


async def _assert_no_job(app: httpx.AsyncClient, job_id: str) -> None:
    correction = {"classification": {"major_category": "재활용폐기물"}}
    for answer in (
        await app.get(f"/api/v1/scan/{job_id}/result"),
        await app.get(f"/api/v1/scan/{job_id}/events"),
        await app.get(f"/api/v1/stream?job_id={job_id}"),
        await app.delete(f"/api/v1/scan/{job_id}"),
        await app.post(f"/api/v1/scan/{job_id}/correction", json=correction),
    ):
        assert_refused(answer, 404, "JOB_NOT_FOUND")


async def test_cancelling_and_correcting_out_of_turn(
    world: World, alice: AppClient, app: httpx.AsyncClient
) -> None:
    correction = {"classification": {"major_category": "재활용폐기물"}}
    with world.model.script(hang=1.0) as script:
        job = await submit(alice, script.word)
        early = await app.post(f"/api/v1/scan/{job.job_id}/correction", json=correction)
        assert_refused(early, 409, "JOB_NOT_FINISHED")
        script.set(hang=0.0)
        await to_end(alice, job)
    late = await app.delete(f"/api/v1/scan/{job.job_id}")
    assert_refused(late, 409, "JOB_FINISHED")


# tokens


async def test_without_token(world: World) -> None:
    async with httpx.AsyncClient(
        base_url=world.stack.base_url, headers={"origin": ORIGIN}, trust_env=False
    ) as nobody:
        for path in ("/api/v1/users/me", f"/api/v1/scan/{uuid.uuid4()}/events"):
            assert_refused(await nobody.get(path), 401, "TOKEN_MISSING")
        answer = await nobody.post("/api/v1/scan", json={"image_url": "http://localhost/a"})
        assert_refused(answer, 401, "TOKEN_MISSING")


async def test_expired_token(world: World) -> None:
    now = int(time.time())
    expired = world.forged(iat=now - 7200, nbf=now - 7200, exp=now - 3600)
    valid = world.forged(iat=now, nbf=now, exp=now + 60)
    async with httpx.AsyncClient(
        base_url=world.stack.base_url, headers={"origin": ORIGIN}, trust_env=False
    ) as client:
        for path in ("/api/v1/scan/history", f"/api/v1/scan/{uuid.uuid4()}/events"):
            answer = await client.get(path, headers={"authorization": f"Bearer {expired}"})
            assert_refused(answer, 401, "TOKEN_EXPIRED")
            answer = await client.get(path, headers={"cookie": f"s_access={expired}"})
            assert_refused(answer, 401, "TOKEN_EXPIRED")
        answer = await client.get(
            "/api/v1/scan/history", headers={"authorization": f"Bearer {valid}"}
        )
        assert answer.status_code == 200, "the signature was not what was refused"


# idempotency


async def test_repeated_idempotency_key(
    app: httpx.AsyncClient, stranger: httpx.AsyncClient, alice: AppClient
) -> None:
    url, key = await photo(alice), {"x-idempotency-key": str(uuid.uuid4())}
    first = await app.post("/api/v1/scan", json={"image_url": url}, headers=key)
    assert first.status_code == 200
    again = await app.post("/api/v1/scan", json={"image_url": url}, headers=key)
    assert again.json() == first.json()
    at_once = await asyncio.gather(
        *(app.post("/api/v1/scan", json={"image_url": url}, headers=key) for _ in range(8))
    )
    assert {answer.json()["job_id"] for answer in at_once} == {first.json()["job_id"]}
    other = await app.post(
        "/api/v1/scan", json={"image_url": url, "user_input": "다른 질문"}, headers=key
    )
    assert_refused(other, 409, "IDEMPOTENCY_KEY_REUSED")
    theirs = await stranger.post("/api/v1/scan", json={"image_url": url}, headers=key)
    assert theirs.json()["job_id"] != first.json()["job_id"], "keys belong to a user"


async def test_first_use_of_a_key_by_many_at_once_makes_one_job(
    app: httpx.AsyncClient, alice: AppClient
) -> None:
    url, key = await photo(alice), {"x-idempotency-key": str(uuid.uuid4())}
    answers = await asyncio.gather(
        *(app.post("/api/v1/scan", json={"image_url": url}, headers=key) for _ in range(8))
    )
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["job_id"] for answer in answers}) == 1


# clients that break off


async def test_submission_broken_off_leaves_the_edge_in_order(
    world: World, app: httpx.AsyncClient
) -> None:
    with socket.create_connection(("127.0.0.1", world.stack.port("edge_http"))) as line:
        line.sendall(
            b"POST /api/v1/scan HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1000\r\n\r\n{"
        )
    assert (await app.get("/api/v1/scan/history")).status_code == 200
