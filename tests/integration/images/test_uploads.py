"""Uploads as the app makes them, against a real S3 API."""

from __future__ import annotations

import uuid

import pytest
from eco2.images.v1 import images_service_pb2
from google.protobuf import struct_pb2

from services.images.keys import ImageKey
from tests.integration.backend import JPEG, Backend, Refused, new_user
from tests.photos import jpeg

pytestmark = pytest.mark.parts

CreateUpload = images_service_pb2.CreateUploadRequest
FinalizeUpload = images_service_pb2.FinalizeUploadRequest
InspectImage = images_service_pb2.InspectImageRequest


async def test_answer_has_the_members_the_app_reads(backend: Backend) -> None:
    user = new_user()
    created = await backend.images.CreateUpload(
        CreateUpload(channel="scan", filename="image_1.PNG", content_type="image/png"),
        metadata=backend.as_user(user),
    )
    assert ImageKey.parse(created.key).extension == "png"
    assert created.cdn_url.endswith(f"/images/{created.key}")
    assert created.expires_in == 900
    assert dict(created.required_headers) == {"Content-Type": "image/png"}


async def test_put_with_the_signed_content_type_is_taken(backend: Backend) -> None:
    created = await backend.upload(new_user())
    inspected = await backend.images.InspectImage(InspectImage(image_url=created.cdn_url))
    assert (inspected.key, inspected.content_type, inspected.size_bytes) == (
        created.key,
        "image/jpeg",
        len(JPEG),
    )


@pytest.mark.parametrize("sent", ["image/jpeg", "text/html", None])
async def test_put_with_another_content_type_is_refused_by_the_storage(
    backend: Backend, sent: str | None
) -> None:
    created = await backend.images.CreateUpload(
        CreateUpload(channel="scan", filename="a.png", content_type="image/png"),
        metadata=backend.as_user(new_user()),
    )
    headers = {} if sent is None else {"Content-Type": sent}
    answer = await backend.http.put(created.upload_url, content=JPEG, headers=headers)
    assert answer.status_code == 403
    async with Refused("IMAGE_NOT_FOUND"):
        await backend.images.InspectImage(InspectImage(image_url=created.cdn_url))


async def test_upload_url_is_good_for_its_own_key_only(backend: Backend) -> None:
    created = await backend.images.CreateUpload(
        CreateUpload(channel="scan", filename="a.jpg", content_type="image/jpeg"),
        metadata=backend.as_user(new_user()),
    )
    other = str(ImageKey.new("scan", "a.jpg", uuid.uuid4()))
    forged = created.upload_url.replace(created.key, other)
    answer = await backend.http.put(forged, content=JPEG, headers={"Content-Type": "image/jpeg"})
    assert answer.status_code == 403


async def test_content_type_that_browsers_execute_is_refused(backend: Backend) -> None:
    async with Refused("VALIDATION_FAILED"):
        await backend.images.CreateUpload(
            CreateUpload(channel="scan", filename="a.html", content_type="text/html"),
            metadata=backend.as_user(new_user()),
        )


async def test_uploader_has_to_be_the_caller(backend: Backend) -> None:
    user = new_user()
    request = CreateUpload(channel="my", filename="a.jpg", uploader_id=user.upper())
    await backend.images.CreateUpload(request, metadata=backend.as_user(user))
    async with Refused("UPLOADER_MISMATCH"):
        await backend.images.CreateUpload(request, metadata=backend.as_user(new_user()))


@pytest.mark.parametrize("value", ["a\0b", "a\\\0b", float("nan"), float("inf"), "가" * 2000])
async def test_metadata_that_can_not_be_stored_is_refused(
    backend: Backend, value: str | float
) -> None:
    metadata = struct_pb2.Struct()
    metadata.update({"note": value})
    async with Refused("VALIDATION_FAILED"):
        await backend.images.CreateUpload(
            CreateUpload(channel="my", filename="a.jpg", metadata=metadata),
            metadata=backend.as_user(new_user()),
        )


class TestFinalize:
    async def test_confirms_once_with_what_create_was_given(self, backend: Backend) -> None:
        user = new_user()
        metadata = struct_pb2.Struct()
        metadata.update({"place": "부엌", "n": 2.0})
        created = await backend.images.CreateUpload(
            CreateUpload(
                channel="my", filename="a.jpg", content_type="image/jpeg", metadata=metadata
            ),
            metadata=backend.as_user(user),
        )
        put = await backend.http.put(
            created.upload_url, content=JPEG, headers={"Content-Type": "image/jpeg"}
        )
        request = FinalizeUpload(
            channel="my", key=created.key, etag=put.headers["ETag"], content_length=len(JPEG)
        )
        done = await backend.images.FinalizeUpload(request, metadata=backend.as_user(user))
        assert done.uploader_id == user
        assert done.metadata == metadata
        assert (done.key, done.channel, done.content_type) == (created.key, "my", "image/jpeg")
        assert done.cdn_url == created.cdn_url
        async with Refused("UPLOAD_NOT_FOUND"):
            await backend.images.FinalizeUpload(request, metadata=backend.as_user(user))

    async def test_nothing_uploaded_or_another_etag_is_incomplete(self, backend: Backend) -> None:
        user = new_user()
        created = await backend.images.CreateUpload(
            CreateUpload(channel="scan", filename="a.jpg", content_type="image/jpeg"),
            metadata=backend.as_user(user),
        )
        request = FinalizeUpload(channel="scan", key=created.key, etag="0" * 32)
        async with Refused("UPLOAD_INCOMPLETE"):
            await backend.images.FinalizeUpload(request, metadata=backend.as_user(user))
        uploaded = await backend.upload(user)
        async with Refused("UPLOAD_INCOMPLETE"):
            await backend.images.FinalizeUpload(
                FinalizeUpload(channel="scan", key=uploaded.key, etag="0" * 32),
                metadata=backend.as_user(user),
            )

    async def test_channel_and_uploader_are_checked(self, backend: Backend) -> None:
        user = new_user()
        uploaded = await backend.upload(user)
        async with Refused("CHANNEL_MISMATCH"):
            await backend.images.FinalizeUpload(
                FinalizeUpload(channel="chat", key=uploaded.key, etag="x"),
                metadata=backend.as_user(user),
            )
        async with Refused("UPLOADER_MISMATCH"):
            await backend.images.FinalizeUpload(
                FinalizeUpload(channel="scan", key=uploaded.key, etag="x"),
                metadata=backend.as_user(new_user()),
            )

    @pytest.mark.parametrize("key", ["scan/nope", "scan/\0", f"scan/{'0' * 32}.jpg"])
    async def test_unknown_key_is_not_found(self, backend: Backend, key: str) -> None:
        async with Refused("UPLOAD_NOT_FOUND"):
            await backend.images.FinalizeUpload(
                FinalizeUpload(channel="scan", key=key, etag="x"),
                metadata=backend.as_user(new_user()),
            )


class TestInspect:
    @pytest.mark.parametrize(
        ("data", "reason"),
        [
            (b"", "IMAGE_EMPTY"),
            (b"x", "IMAGE_TYPE_UNSUPPORTED"),
            (b"<html>not an image</html>" * 9, "IMAGE_TYPE_UNSUPPORTED"),
            (b"\xff\xd8\xff", "IMAGE_TYPE_UNSUPPORTED"),
            (JPEG[:-2], "IMAGE_DAMAGED"),
            (jpeg(10 * 1024 * 1024 + 1), "IMAGE_TOO_LARGE"),
            (JPEG + bytes(30 * 1024 * 1024), "IMAGE_TOO_LARGE"),
        ],
        ids=["empty", "one byte", "html", "header", "cut off", "10 MiB and 1", "30 MB"],
    )
    async def test_unusable_object_is_refused(
        self, backend: Backend, data: bytes, reason: str
    ) -> None:
        created = await backend.upload(new_user(), data)
        async with Refused(reason):
            await backend.images.InspectImage(InspectImage(image_url=created.cdn_url))

    async def test_limit_is_inclusive(self, backend: Backend) -> None:
        created = await backend.upload(new_user(), jpeg(10 * 1024 * 1024))
        inspected = await backend.images.InspectImage(InspectImage(image_url=created.cdn_url))
        assert inspected.size_bytes == 10 * 1024 * 1024

    @pytest.mark.parametrize(
        "url",
        [
            "http://169.254.169.254/latest/meta-data/",
            "http://127.0.0.1:6379/scan/0.jpg",
            "https://images.example.org/scan/" + "0" * 32 + ".jpg",
        ],
    )
    async def test_foreign_url_is_refused_with_its_host(self, backend: Backend, url: str) -> None:
        async with Refused("IMAGE_URL_NOT_ALLOWED") as refusal:
            await backend.images.InspectImage(InspectImage(image_url=url))
        assert refusal.metadata["host"] in url

    async def test_is_closed_to_the_edge(self, backend: Backend) -> None:
        created = await backend.upload(new_user())
        async with Refused("METHOD_NOT_EXPOSED"):
            await backend.images.InspectImage(
                InspectImage(image_url=created.cdn_url), metadata=backend.as_user(new_user())
            )
