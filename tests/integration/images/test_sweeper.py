"""Unused uploads expire and go; what is in use stays."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from eco2.images.v1 import images_service_pb2

from services.images.keys import ImageKey
from services.images.settings import ImagesSettings
from services.images.sweeper import Sweeper
from services.runtime.objectstore import ObjectNotFoundError, ObjectStore, ObjectStoreSettings
from tests.integration.backend import Backend, Refused, new_user

pytestmark = pytest.mark.parts

HOURS = timedelta(hours=3)


@pytest.fixture
async def objects(backend: Backend) -> ObjectStore:
    async def existing() -> ObjectStore:
        raise AssertionError("the service has made one")

    return await backend.context.shared("objectstore", existing)


async def sweep(backend: Backend, objects: ObjectStore, **settings: float) -> None:
    """One pass over the records and over every channel of the bucket."""
    base = backend.context.settings(ImagesSettings)
    sweeper = Sweeper(backend.images_db, objects, base.model_copy(update=settings))
    async with backend.images_db.acquire() as connection:
        for _ in range(4):
            await sweeper.sweep(connection)


async def age(backend: Backend, key: str, by: timedelta) -> None:
    await backend.images_db.execute(
        "UPDATE uploads SET created_at = created_at - $2::interval,"
        " expires_at = expires_at - $2::interval WHERE key = $1",
        key,
        by,
    )


async def state(backend: Backend, key: str) -> str | None:
    found: str | None = await backend.images_db.fetchval(
        "SELECT state FROM uploads WHERE key = $1", key
    )
    return found


async def exists(objects: ObjectStore, key: str) -> bool:
    try:
        await objects.head_and_sniff(key)
    except ObjectNotFoundError:
        return False
    return True


async def test_pending_upload_expires_and_can_not_be_finalized(
    backend: Backend, objects: ObjectStore
) -> None:
    user = new_user()
    created = await backend.upload(user)
    await age(backend, created.key, timedelta(seconds=901))
    request = images_service_pb2.FinalizeUploadRequest(channel="scan", key=created.key, etag="any")
    async with Refused("UPLOAD_NOT_FOUND"):  # with or without the sweeper
        await backend.images.FinalizeUpload(request, metadata=backend.as_user(user))
    await sweep(backend, objects)
    assert await state(backend, created.key) == "expired"
    assert await exists(objects, created.key), "within the grace period"


async def test_unused_object_is_deleted_after_the_grace_period(
    backend: Backend, objects: ObjectStore
) -> None:
    created = await backend.upload(new_user())
    await age(backend, created.key, HOURS)
    await sweep(backend, objects)
    assert await state(backend, created.key) is None
    assert not await exists(objects, created.key)


async def test_used_and_finalized_images_are_kept(backend: Backend, objects: ObjectStore) -> None:
    user = new_user()
    used = await backend.upload(user)
    await backend.images.InspectImage(
        images_service_pb2.InspectImageRequest(image_url=used.cdn_url)
    )
    finalized = await backend.upload(user)
    etag = (await objects.head_and_sniff(finalized.key)).etag
    await backend.images.FinalizeUpload(
        images_service_pb2.FinalizeUploadRequest(channel="scan", key=finalized.key, etag=etag),
        metadata=backend.as_user(user),
    )
    for key in (used.key, finalized.key):
        await age(backend, key, HOURS)
    await sweep(backend, objects)
    assert await exists(objects, used.key)
    assert await exists(objects, finalized.key)


async def test_expired_upload_that_is_used_late_is_kept(
    backend: Backend, objects: ObjectStore
) -> None:
    created = await backend.upload(new_user())
    await age(backend, created.key, timedelta(minutes=30))
    await sweep(backend, objects)
    await backend.images.InspectImage(
        images_service_pb2.InspectImageRequest(image_url=created.cdn_url)
    )
    await age(backend, created.key, HOURS)
    await sweep(backend, objects)
    assert await exists(objects, created.key)


async def test_image_that_is_being_deleted_can_not_be_used(
    backend: Backend, objects: ObjectStore
) -> None:
    created = await backend.upload(new_user())
    await backend.images_db.execute(
        "UPDATE uploads SET state = 'swept' WHERE key = $1", created.key
    )
    async with Refused("IMAGE_NOT_FOUND"):
        await backend.images.InspectImage(
            images_service_pb2.InspectImageRequest(image_url=created.cdn_url)
        )
    await sweep(backend, objects)  # finishes what a crashed sweeper had claimed
    assert not await exists(objects, created.key)


async def test_object_without_a_record_is_swept_and_foreign_files_are_not(
    backend: Backend, objects: ObjectStore
) -> None:
    orphan = str(ImageKey.new("scan", "a.jpg", uuid.uuid4()))
    foreign = f"scan/{uuid.uuid4()}/readme.txt"
    for key in (orphan, foreign):
        url = await objects.presign_put(key, "image/jpeg", 60)
        put = await backend.http.put(url, content=b"x", headers={"Content-Type": "image/jpeg"})
        put.raise_for_status()
    await sweep(backend, objects)
    assert await exists(objects, orphan), "younger than an upload may be"
    await sweep(backend, objects, upload_seconds=0, orphan_grace_seconds=-5)
    assert not await exists(objects, orphan)
    assert await exists(objects, foreign)


async def test_storage_away_leaves_records_for_the_next_pass(
    backend: Backend, objects: ObjectStore
) -> None:
    created = await backend.upload(new_user())
    await age(backend, created.key, HOURS)
    nowhere = ObjectStore(ObjectStoreSettings(s3_endpoint="http://127.0.0.1:9", s3_access_key="a"))
    await sweep(backend, nowhere)
    await nowhere.close()
    assert await exists(objects, created.key)
    await sweep(backend, objects)
    assert not await exists(objects, created.key)
