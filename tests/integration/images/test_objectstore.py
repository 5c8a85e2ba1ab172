"""The client of the S3 API against the real thing, and against one that misbehaves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from aiohttp import web
from pydantic import SecretStr

from mesh.local.parts.s3proxy import ACCESS_KEY, SECRET_KEY
from services.runtime import objectstore
from services.runtime.objectstore import (
    ObjectNotFoundError,
    ObjectStore,
    ObjectStoreSettings,
    ObjectStoreUnavailableError,
    ObjectTooLargeError,
)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def settings(endpoint: str, **changes: str) -> ObjectStoreSettings:
    return ObjectStoreSettings(
        s3_endpoint=endpoint, s3_access_key=ACCESS_KEY, s3_secret_key=SecretStr(SECRET_KEY)
    ).model_copy(update=changes)


async def put(store: ObjectStore, key: str, data: bytes) -> None:
    url = await store.presign_put(key, "image/jpeg", 60)
    async with httpx.AsyncClient(trust_env=False) as http:
        answer = await http.put(url, content=data, headers={"Content-Type": "image/jpeg"})
    answer.raise_for_status()


@pytest.mark.parts
class TestRealStorage:
    @pytest.fixture
    async def store(self, s3_endpoint: str) -> AsyncIterator[ObjectStore]:
        made = ObjectStore(settings(s3_endpoint))
        yield made
        await made.close()

    @pytest.mark.parametrize("size", [0, 1, 63, 64, 65, 100_000])
    async def test_one_ranged_read_tells_size_and_beginning(
        self, store: ObjectStore, size: int
    ) -> None:
        data = bytes(n % 251 for n in range(size))
        await put(store, "test/sizes", data)
        head = await store.head_and_sniff("test/sizes")
        assert (head.size_bytes, head.start) == (size, data[:64])
        assert await store.read("test/sizes", size) == data

    async def test_read_stops_at_its_limit(self, store: ObjectStore) -> None:
        await put(store, "test/large", bytes(1001))
        with pytest.raises(ObjectTooLargeError) as refused:
            await store.read("test/large", 1000)
        assert (refused.value.size_bytes, refused.value.limit_bytes) == (1001, 1000)

    async def test_missing_object_is_not_found_and_deleting_it_is_fine(
        self, store: ObjectStore
    ) -> None:
        with pytest.raises(ObjectNotFoundError):
            await store.head_and_sniff("test/missing")
        with pytest.raises(ObjectNotFoundError):
            await store.read("test/missing", 10)
        await store.delete(["test/missing"])

    async def test_listing_goes_page_by_page_and_deleting_empties_it(
        self, store: ObjectStore
    ) -> None:
        keys = [f"listing/{n}" for n in range(5)]
        for key in keys:
            await put(store, key, b"x")
        seen: list[str] = []
        after: str | None = ""
        while after is not None:
            page = await store.list("listing/", after=after, limit=2)
            seen += [item.key for item in page.objects]
            after = page.last_key
        assert seen == keys
        await store.delete(keys)
        assert (await store.list("listing/")).objects == []

    async def test_wrong_secret_is_unavailable_not_missing(self, s3_endpoint: str) -> None:
        store = ObjectStore(
            settings(s3_endpoint).model_copy(update={"s3_secret_key": SecretStr("wrong")})
        )
        with pytest.raises(ObjectStoreUnavailableError):
            await store.check()
        with pytest.raises(ObjectStoreUnavailableError):
            await store.list("")
        await store.close()

    async def test_missing_bucket_is_unavailable_not_a_missing_object(
        self, s3_endpoint: str
    ) -> None:
        store = ObjectStore(settings(s3_endpoint, s3_bucket="no-such-bucket"))
        with pytest.raises(ObjectStoreUnavailableError):
            await store.check()
        await store.close()

    async def test_ready_when_the_bucket_answers(self, store: ObjectStore) -> None:
        await store.check()

    async def test_browser_of_the_app_may_put(self, s3_endpoint: str) -> None:
        async with httpx.AsyncClient(trust_env=False) as http:
            answer = await http.options(
                f"{s3_endpoint}/eco2-images/scan/x.png",
                headers={
                    "Origin": "https://frontend.dev.growbin.app",
                    "Access-Control-Request-Method": "PUT",
                    "Access-Control-Request-Headers": "content-type",
                },
            )
        assert answer.status_code == 200
        assert answer.headers["access-control-allow-origin"] == "https://frontend.dev.growbin.app"


class TestMisbehavingStorage:
    @pytest.fixture
    async def served(self) -> AsyncIterator[Callable[[Handler], Awaitable[ObjectStore]]]:
        runners: list[web.AppRunner] = []
        stores: list[ObjectStore] = []

        async def serve(handler: Handler) -> ObjectStore:
            app = web.Application()
            app.router.add_route("*", "/{path:.*}", handler)
            runner = web.AppRunner(app)
            runners.append(runner)
            await runner.setup()
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            host, port = runner.addresses[0][:2]
            stores.append(ObjectStore(settings(f"http://{host}:{port}")))
            return stores[-1]

        yield serve
        for store in stores:
            await store.close()
        for runner in runners:
            await runner.cleanup()

    @pytest.mark.parametrize("status", [301, 307, 400, 403, 500, 503])
    async def test_other_answers_are_unavailable_and_redirects_are_not_followed(
        self, served: Callable[[Handler], Awaitable[ObjectStore]], status: int
    ) -> None:
        asked: list[str] = []

        async def answer(request: web.Request) -> web.Response:
            asked.append(request.path)
            return web.Response(status=status, headers={"Location": "/elsewhere"})

        store = await served(answer)
        with pytest.raises(ObjectStoreUnavailableError):
            await store.head_and_sniff("scan/a.jpg")
        assert asked == ["/eco2-images/scan/a.jpg"] * (2 if status >= 500 else 1)

    async def test_passing_fault_is_repeated_once(
        self, served: Callable[[Handler], Awaitable[ObjectStore]]
    ) -> None:
        statuses = [503, 206]

        async def answer(request: web.Request) -> web.Response:
            status = statuses.pop(0)
            return web.Response(
                status=status, body=b"a" * 64, headers={"Content-Range": "bytes 0-63/77"}
            )

        head = await (await served(answer)).head_and_sniff("scan/a.jpg")
        assert (head.size_bytes, head.start) == (77, b"a" * 64)

    async def test_beginning_that_comes_in_pieces_is_put_together(
        self, served: Callable[[Handler], Awaitable[ObjectStore]]
    ) -> None:
        async def answer(request: web.Request) -> web.StreamResponse:
            response = web.StreamResponse(
                status=206, headers={"Content-Range": "bytes 0-63/100", "Content-Length": "64"}
            )
            await response.prepare(request)
            for n in range(64):
                await response.write(bytes([n]))
                await asyncio.sleep(0)
            return response

        head = await (await served(answer)).head_and_sniff("scan/a.jpg")
        assert head.start == bytes(range(64))

    async def test_answer_that_breaks_off_is_unavailable(
        self, served: Callable[[Handler], Awaitable[ObjectStore]]
    ) -> None:
        async def answer(request: web.Request) -> web.StreamResponse:
            response = web.StreamResponse(headers={"Content-Length": "64"})
            await response.prepare(request)
            await response.write(b"abc")
            assert request.transport is not None
            request.transport.close()
            return response

        store = await served(answer)
        for call in (store.head_and_sniff("scan/a.jpg"), store.read("scan/a.jpg", 100)):
            with pytest.raises(ObjectStoreUnavailableError):
                await call

    @pytest.mark.parametrize("content_range", ["", "bytes 0-2/*", "items 0-2/3"])
    async def test_part_of_unstated_size_is_unavailable(
        self, served: Callable[[Handler], Awaitable[ObjectStore]], content_range: str
    ) -> None:
        async def answer(request: web.Request) -> web.Response:
            return web.Response(status=206, body=b"abc", headers={"Content-Range": content_range})

        with pytest.raises(ObjectStoreUnavailableError):
            await (await served(answer)).head_and_sniff("scan/a.jpg")

    async def test_storage_that_hangs_is_given_up(
        self,
        served: Callable[[Handler], Awaitable[ObjectStore]],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(objectstore, "READ_SECONDS", 0.2)
        given_up = asyncio.Event()

        async def answer(request: web.Request) -> web.StreamResponse:
            response = web.StreamResponse(headers={"Content-Length": "64"})
            await response.prepare(request)
            await given_up.wait()
            return response

        with pytest.raises(ObjectStoreUnavailableError):
            await (await served(answer)).read("scan/a.jpg", 1_000)
        given_up.set()


async def test_presigned_upload_names_the_public_endpoint_and_signs_the_content_type() -> None:
    store = ObjectStore(
        settings("http://inside:9000", s3_public_endpoint="https://uploads.example.org/")
    )
    url = urlsplit(await store.presign_put("scan/a.png", "image/png", 900))
    await store.close()
    assert (url.scheme, url.netloc, url.path) == (
        "https",
        "uploads.example.org",
        "/eco2-images/scan/a.png",
    )
    query = parse_qs(url.query)
    assert query["X-Amz-SignedHeaders"] == ["content-type;host"]
    assert query["X-Amz-Expires"] == ["900"]
    assert query["X-Amz-Algorithm"] == ["AWS4-HMAC-SHA256"]


async def test_without_a_key_the_default_chain_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "from-the-environment")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    store = ObjectStore(ObjectStoreSettings(s3_endpoint="http://inside:9000", s3_access_key=""))
    url = await store.presign_put("scan/a.png", "image/png", 900)
    await store.close()
    assert "X-Amz-Credential=from-the-environment" in url
