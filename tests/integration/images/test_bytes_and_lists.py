"""Pictures that services make, and the list of a user's own."""

from __future__ import annotations

import asyncio
import io
import uuid
from datetime import UTC, datetime
from typing import Any

import grpc
import grpc.aio
import pytest
from eco2.images.v1 import images_service_pb2 as pb
from PIL import Image

from services.images.keys import ImageKey
from services.images.settings import ImagesSettings
from services.images.sweeper import Sweeper
from services.runtime.cursor import Cursor
from services.runtime.objectstore import ObjectNotFoundError, ObjectStore
from tests.integration.backend import Backend, Refused, new_user
from tests.photos import exif, jpeg

pytestmark = pytest.mark.parts

MIB = 1024 * 1024


def drawn(form: str, **options: Any) -> bytes:
    out = io.BytesIO()
    Image.effect_noise((32, 24), 50).convert("RGB").save(out, form, **options)
    return out.getvalue()


async def store(
    backend: Backend,
    data: bytes,
    content_type: str = "image/jpeg",
    *,
    channel: str = "generated",
    uploader_id: str = "",
) -> pb.UploadBytesResponse:
    answer: pb.UploadBytesResponse = await backend.images.UploadBytes(
        pb.UploadBytesRequest(
            channel=channel, content_type=content_type, data=data, uploader_id=uploader_id
        )
    )
    return answer


async def mine(backend: Backend, user: str, **fields: Any) -> pb.ListMyImagesResponse:
    answer: pb.ListMyImagesResponse = await backend.images.ListMyImages(
        pb.ListMyImagesRequest(**fields), metadata=backend.as_user(user)
    )
    return answer


class TestUploadBytes:
    @pytest.mark.parametrize(
        ("form", "declared", "extension"),
        [
            ("PNG", "image/png", "png"),
            ("JPEG", "image/jpeg", "jpg"),
            ("JPEG", "image/jpg", "jpg"),
            ("GIF", "image/gif", "gif"),
            ("WEBP", "image/webp", "webp"),
        ],
    )
    async def test_stores_a_picture_without_its_metadata_where_it_is_served(
        self, backend: Backend, objects: ObjectStore, form: str, declared: str, extension: str
    ) -> None:
        made = drawn(form, comment=b"Secret") if form in ("JPEG", "GIF") else drawn(form)
        answer = await store(backend, made, declared)
        key = ImageKey.parse(answer.key)
        assert (key.channel, key.extension) == ("generated", extension)
        assert answer.cdn_url.endswith(f"/images/{answer.key}")
        stored = await objects.fetch(answer.key, MIB)
        assert (len(stored.data), b"Secret" in stored.data) == (answer.size_bytes, False)
        Image.open(io.BytesIO(stored.data)).load()
        inspected = await backend.images.InspectImage(
            pb.InspectImageRequest(image_url=answer.cdn_url)
        )
        assert inspected.content_type == answer.content_type == f"image/{form.lower()}"

    async def test_repeating_it_stores_nothing_new(self, backend: Backend) -> None:
        user, data = new_user(), jpeg(4000, exif(uuid.uuid4().bytes))
        answers = await asyncio.gather(*(store(backend, data, uploader_id=user) for _ in range(6)))
        assert len({answer.key for answer in answers}) == 1
        other = await store(backend, data, uploader_id=new_user())
        elsewhere = await store(backend, data, uploader_id=user, channel="scan")
        assert len({answers[0].key, other.key, elsewhere.key}) == 3

    @pytest.mark.parametrize(
        ("data", "declared", "reason"),
        [
            (b"", "image/png", "IMAGE_EMPTY"),
            (b"x" * 100, "image/png", "IMAGE_TYPE_UNSUPPORTED"),
            (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "image/png", "IMAGE_TYPE_UNSUPPORTED"),
            (drawn("PNG"), "image/jpeg", "IMAGE_TYPE_MISMATCH"),
            (jpeg(100), "image/gif", "IMAGE_TYPE_MISMATCH"),
            (drawn("PNG")[:-8], "image/png", "IMAGE_DAMAGED"),
            (jpeg(10 * MIB + 1), "image/jpeg", "IMAGE_TOO_LARGE"),
            (drawn("PNG"), "image/svg+xml", "VALIDATION_FAILED"),
            (drawn("PNG"), "", "VALIDATION_FAILED"),
        ],
        ids=range(9),
    )
    async def test_what_is_not_the_declared_picture_is_refused(
        self, backend: Backend, data: bytes, declared: str, reason: str
    ) -> None:
        async with Refused(reason):
            await store(backend, data, declared)

    @pytest.mark.parametrize("channel", ["", "a/b", "../x", "Generated", "x" * 33, "1st"])
    async def test_channels_are_plain_words(self, backend: Backend, channel: str) -> None:
        async with Refused("VALIDATION_FAILED"):
            await store(backend, jpeg(100), channel=channel)

    async def test_ten_mebibytes_pass_and_far_more_never_arrive(self, backend: Backend) -> None:
        answer = await store(backend, jpeg(10 * MIB), channel="poster")
        assert answer.size_bytes == 10 * MIB
        with pytest.raises(grpc.aio.AioRpcError) as refusal:
            await store(backend, bytes(13 * MIB))
        assert refusal.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED

    async def test_a_bomb_is_stored_without_being_decoded(self, backend: Backend) -> None:
        """30,000 × 30,000 pixels that would take 2.7 GB."""
        header = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + (30_000).to_bytes(4, "big") * 2
        bomb = header + b"\x08\2\0\0\0" + bytes(4) + b"\0\0\0\0IEND\xaeB`\x82"
        assert (await store(backend, bomb, "image/png")).size_bytes == len(bomb)

    async def test_half_of_it_is_swept(self, backend: Backend, objects: ObjectStore) -> None:
        """The record was written, then the process died before or after the object was stored."""
        answer = await store(backend, jpeg(900, exif(uuid.uuid4().bytes)))
        await backend.images_db.execute(
            "UPDATE uploads SET state = 'pending', expires_at = now() - interval '1 day' "
            "WHERE key = $1",
            answer.key,
        )
        settings = backend.context.settings(ImagesSettings)
        sweeper = Sweeper(backend.images_db, objects, settings)
        async with backend.images_db.acquire() as connection:
            await sweeper.sweep(connection)
        with pytest.raises(ObjectNotFoundError):
            await objects.fetch(answer.key, MIB)
        again = await store(backend, jpeg(900, exif(uuid.uuid4().bytes)))
        assert again.size_bytes == 900 - len(exif(bytes(16)))

    async def test_is_erased_with_its_user(self, backend: Backend, objects: ObjectStore) -> None:
        user = new_user()
        answer = await store(backend, jpeg(1000), uploader_id=user)
        await backend.images.EraseUser(pb.EraseUserRequest(user_id=user))
        with pytest.raises(ObjectNotFoundError):
            await objects.fetch(answer.key, MIB)
        assert not (await mine(backend, user)).images

    async def test_is_closed_to_the_edge(self, backend: Backend) -> None:
        async with Refused("METHOD_NOT_EXPOSED"):
            await backend.images.UploadBytes(
                pb.UploadBytesRequest(channel="x", content_type="image/png", data=b"x"),
                metadata=backend.as_user(new_user()),
            )


class TestListMyImages:
    async def test_shows_what_was_used_or_confirmed_and_nothing_else(
        self, backend: Backend
    ) -> None:
        user = new_user()
        used = await backend.upload(user, content_type="image/png")
        await backend.images.InspectImage(pb.InspectImageRequest(image_url=used.cdn_url))
        await backend.upload(user)
        made = await store(backend, jpeg(1000), uploader_id=user)
        await store(backend, jpeg(1000), uploader_id=new_user())
        listed = await mine(backend, user)
        assert [image.key for image in listed.images] == [made.key, used.key]
        assert listed.images[1].content_type == "image/jpeg", "what it is, not what was declared"
        assert listed.images[1].cdn_url == used.cdn_url
        assert listed.images[1].channel == "scan"
        assert not listed.HasField("next_cursor")
        only = await mine(backend, user, channel="generated")
        assert [image.key for image in only.images] == [made.key]
        assert not (await mine(backend, user, channel="nothing")).images
        assert not (await mine(backend, new_user())).images

    async def test_pages_show_every_picture_once_newest_first(self, backend: Backend) -> None:
        user = new_user()
        keys = [(await store(backend, jpeg(500 + n), uploader_id=user)).key for n in range(13)]
        seen: list[str] = []
        cursor: dict[str, str] = {}
        while True:
            page = await mine(backend, user, limit=5, **cursor)
            seen += [image.key for image in page.images]
            if not page.HasField("next_cursor"):
                break
            await store(backend, jpeg(2000 + len(seen)), uploader_id=user)  # moves no page
            cursor = {"cursor": page.next_cursor}
        assert seen == keys[::-1]

    async def test_cursors_of_others_and_garbage_are_refused(self, backend: Backend) -> None:
        user, other = new_user(), new_user()
        for n in range(2):
            await store(backend, jpeg(500 + n), uploader_id=other)
        theirs = (await mine(backend, other, limit=1)).next_cursor
        of_points = Cursor(datetime.now(UTC), uuid.uuid4()).encode(f"points:{user}")
        for text in (theirs, of_points, "x", "=", theirs[:-4], "A" * 44, "한글"):
            async with Refused("INVALID_CURSOR"):
                await mine(backend, user, cursor=text)
        for fields in ({"limit": 0}, {"limit": 101}, {"limit": -1}, {"cursor": "x" * 257}):
            async with Refused("VALIDATION_FAILED"):
                await mine(backend, user, **fields)

    async def test_needs_a_user(self, backend: Backend) -> None:
        async with Refused("UNAUTHENTICATED"):
            await backend.images.ListMyImages(
                pb.ListMyImagesRequest(), metadata=(("x-eco2-edge", "1"),)
            )
