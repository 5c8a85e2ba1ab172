"""Photos are served without what they tell about the photographer, whoever reads them when."""

from __future__ import annotations

import asyncio
import io
import time

import pytest
from eco2.images.v1 import images_service_pb2
from PIL import Image

from services.images.cleaning import Cleaner, NotAcceptedError
from services.images.settings import ImagesSettings
from services.runtime.objectstore import (
    ObjectChangedError,
    ObjectNotFoundError,
    ObjectStore,
    ObjectStoreSettings,
)
from tests.integration.backend import Backend, Refused, new_user
from tests.photos import exif, jpeg

pytestmark = pytest.mark.parts

FinalizeUpload = images_service_pb2.FinalizeUploadRequest
InspectImage = images_service_pb2.InspectImageRequest

SECRET = b"N37.5665 E126.9780"
PHOTO = jpeg(60_000, exif(SECRET))
MIB = 1024 * 1024


def phone_photo() -> bytes:
    """A photo with a place, a camera and a turn in it."""
    data = Image.Exif()
    data[0x0112] = 6
    data[0x010F] = "SecretCamera"
    data.get_ifd(0x8825)[2] = (37.0, 33.0, 59.0)
    out = io.BytesIO()
    Image.effect_noise((640, 480), 60).convert("RGB").save(out, "JPEG", exif=data.tobytes())
    return out.getvalue()


async def inspect(backend: Backend, url: str) -> images_service_pb2.InspectImageResponse:
    answer: images_service_pb2.InspectImageResponse = await backend.images.InspectImage(
        InspectImage(image_url=url)
    )
    return answer


async def test_place_and_camera_are_gone_once_a_photo_is_used(
    backend: Backend, objects: ObjectStore
) -> None:
    photo = phone_photo()
    created = await backend.upload(new_user(), photo)
    inspected = await inspect(backend, created.cdn_url)
    stored = await objects.fetch(created.key, MIB)
    assert b"SecretCamera" in photo
    assert b"SecretCamera" not in stored.data
    assert inspected.size_bytes == len(stored.data)
    before, after = Image.open(io.BytesIO(photo)), Image.open(io.BytesIO(stored.data))
    assert dict(after.getexif()) == {0x0112: 6}, "it is still drawn upright"
    assert before.tobytes() == after.tobytes(), "not encoded again"
    assert not after.getexif().get_ifd(0x8825)


async def test_a_clean_photo_is_not_written_again(backend: Backend, objects: ObjectStore) -> None:
    created = await backend.upload(new_user(), jpeg(5000))
    before = await objects.fetch(created.key, MIB)
    await inspect(backend, created.cdn_url)
    assert await objects.fetch(created.key, MIB) == before
    assert before.source == ""


async def test_a_photo_is_cleaned_once(backend: Backend, objects: ObjectStore) -> None:
    created = await backend.upload(new_user(), PHOTO)
    answers = await asyncio.gather(*(inspect(backend, created.cdn_url) for _ in range(8)))
    assert {answer.size_bytes for answer in answers} == {len(PHOTO) - len(exif(SECRET))}
    stored = await objects.fetch(created.key, MIB)
    await inspect(backend, created.cdn_url)
    other_replica = await Cleaner(objects, MIB).clean(created.key, lambda _: True)
    assert other_replica.etag == stored.etag.strip('"')
    assert await objects.fetch(created.key, MIB) == stored


async def test_a_photo_that_is_put_again_is_cleaned_again(
    backend: Backend, objects: ObjectStore
) -> None:
    created = await backend.upload(new_user(), PHOTO)
    await inspect(backend, created.cdn_url)
    put = await backend.http.put(
        created.upload_url, content=PHOTO, headers={"Content-Type": "image/jpeg"}
    )
    assert put.status_code == 200
    await inspect(backend, created.cdn_url)
    assert SECRET not in (await objects.fetch(created.key, MIB)).data


@pytest.mark.parametrize("inspected_first", [False, True])
async def test_finalizing_takes_the_etag_and_length_that_the_client_knows(
    backend: Backend, objects: ObjectStore, inspected_first: bool
) -> None:
    user = new_user()
    created = await backend.images.CreateUpload(
        images_service_pb2.CreateUploadRequest(
            channel="my", filename="a.jpg", content_type="application/octet-stream"
        ),
        metadata=backend.as_user(user),
    )
    put = await backend.http.put(
        created.upload_url, content=PHOTO, headers={"Content-Type": "application/octet-stream"}
    )
    if inspected_first:
        await inspect(backend, created.cdn_url)
    request = FinalizeUpload(
        channel="my", key=created.key, etag=put.headers["ETag"], content_length=len(PHOTO)
    )
    other = FinalizeUpload(
        channel="my", key=created.key, etag=put.headers["ETag"], content_length=len(PHOTO) - 1
    )
    async with Refused("UPLOAD_INCOMPLETE"):
        await backend.images.FinalizeUpload(other, metadata=backend.as_user(user))
    done = await backend.images.FinalizeUpload(request, metadata=backend.as_user(user))
    stored = await objects.fetch(created.key, MIB)
    assert SECRET not in stored.data
    assert done.etag == stored.etag.strip('"')
    assert done.content_type == "image/jpeg", "what it is, not what was declared"
    row = await backend.images_db.fetchrow(
        "SELECT etag, content_type FROM uploads WHERE key = $1", created.key
    )
    assert tuple(row) == (done.etag, "image/jpeg")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "IMAGE_EMPTY"),
        (b"%PDF-1.7", "IMAGE_TYPE_UNSUPPORTED"),
        (PHOTO[:3000], "IMAGE_DAMAGED"),
        (jpeg(10 * MIB + 1), "IMAGE_TOO_LARGE"),
    ],
    ids=["empty", "pdf", "cut off", "10 MiB and 1"],
)
async def test_what_is_no_picture_is_not_confirmed(
    backend: Backend, data: bytes, reason: str
) -> None:
    user = new_user()
    created = await backend.upload(user, data, channel="my")
    head = await backend.http.put(
        created.upload_url, content=data, headers={"Content-Type": "image/jpeg"}
    )
    async with Refused(reason):
        await backend.images.FinalizeUpload(
            FinalizeUpload(channel="my", key=created.key, etag=head.headers["ETag"]),
            metadata=backend.as_user(user),
        )


async def test_what_hangs_on_a_picture_goes(backend: Backend, objects: ObjectStore) -> None:
    archive = b"PK\x03\x04" + b"<script>alert(1)</script>" * 40
    created = await backend.upload(new_user(), jpeg(3000) + archive)
    assert (await inspect(backend, created.cdn_url)).size_bytes == 3000
    assert b"PK\x03\x04" not in (await objects.fetch(created.key, MIB)).data


async def test_readers_meanwhile_get_all_of_the_old_or_of_the_new_photo(
    backend: Backend, objects: ObjectStore
) -> None:
    photo = jpeg(2 * MIB, exif(SECRET))
    created = await backend.upload(new_user(), photo)
    wanted = {len(photo), len(photo) - len(exif(SECRET))}
    ending = asyncio.Event()

    async def reading() -> set[int]:
        sizes = set()
        while not ending.is_set():
            data = (await objects.fetch(created.key, 3 * MIB)).data
            assert data.endswith(b"\xff\xd9")
            sizes.add(len(data))
        return sizes

    readers = [asyncio.create_task(reading()) for _ in range(4)]
    await inspect(backend, created.cdn_url)
    ending.set()
    for sizes in await asyncio.gather(*readers):
        assert sizes <= wanted


class ChangingStore(ObjectStore):
    """A storage in which somebody puts another photo whenever one has been read."""

    def __init__(self, settings: ObjectStoreSettings, photos: list[bytes]) -> None:
        super().__init__(settings)
        self.photos = photos

    async def fetch(self, key: str, limit: int):  # type: ignore[no-untyped-def]
        found = await super().fetch(key, limit)
        if self.photos:
            await self.put(key, self.photos.pop(), "image/jpeg")
        return found


async def test_a_photo_that_changes_while_it_is_cleaned_is_not_overwritten(
    backend: Backend, objects: ObjectStore
) -> None:
    settings = backend.context.settings(ImagesSettings)
    created = await backend.upload(new_user(), PHOTO)
    newer = jpeg(70_000, exif(SECRET))
    changing = ChangingStore(settings, [newer])
    stored = await Cleaner(changing, MIB).clean(created.key, lambda _: True)
    assert stored.size_bytes == len(newer) - len(exif(SECRET))
    assert stored.original.size_bytes == len(newer)
    await changing.close()
    await objects.put(created.key, PHOTO, "image/jpeg")
    restless = ChangingStore(settings, [jpeg(9000 + n, exif(SECRET)) for n in range(9)])
    with pytest.raises(ObjectChangedError):
        await Cleaner(restless, MIB).clean(created.key, lambda _: True)
    await restless.close()
    with pytest.raises(NotAcceptedError):
        await Cleaner(objects, MIB).clean(created.key, lambda original: original.size_bytes == 1)


async def test_replacing_what_is_gone_is_told(objects: ObjectStore) -> None:
    key = f"scan/{'d' * 32}.jpg"
    with pytest.raises(ObjectChangedError):
        await objects.put(key, PHOTO, "image/jpeg", replaces='"abc"')
    with pytest.raises(ObjectNotFoundError):
        await objects.fetch(key, MIB)


async def test_files_made_to_be_slow_hold_nobody_up(backend: Backend) -> None:
    slow = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1\0\0\0\1\x08\2\0\0\0\x90wS\xde"
    slow += b"\0\0\0\0tEXt\xf9Z\x7f\xe7" * (9 * MIB // 12)
    created = await backend.upload(new_user(), slow, content_type="image/png")
    fine = await backend.upload(new_user())
    waiting = asyncio.create_task(inspect(backend, created.cdn_url))
    longest = 0.0
    while not waiting.done():
        began = time.monotonic()
        await inspect(backend, fine.cdn_url)
        longest = max(longest, time.monotonic() - began)
    async with Refused("IMAGE_DAMAGED"):
        await waiting
    assert longest < 1.0
