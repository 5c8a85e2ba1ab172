"""ImagesService: hands out presigned uploads, confirms them, and knows what was uploaded."""

from __future__ import annotations

import json
import uuid
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import grpc.aio
from eco2.images.v1 import images_service_pb2, images_service_pb2_grpc
from google.protobuf import json_format, struct_pb2

from services.images import content_types, refusals
from services.images.cleaning import Cleaner, NotAcceptedError, Original, Stored, bare, cleaned
from services.images.keys import ForeignUrlError, ImageKey, key_of_url, url_of
from services.images.picture import PictureError
from services.images.settings import ImagesSettings
from services.images.sniff import content_type_of
from services.images.store import Upload, UploadStore
from services.runtime import identity, paging
from services.runtime.cursor import Cursor
from services.runtime.errors import DomainError
from services.runtime.objectstore import (
    ObjectChangedError,
    ObjectNotFoundError,
    ObjectStore,
    ObjectStoreUnavailableError,
    ObjectTooLargeError,
)

if TYPE_CHECKING:
    Context = grpc.aio.ServicerContext[Any, Any]

REMEMBERED_KEYS: Final = 10_000
"""Images known to be clean and marked as used; about 3 MB."""

ERASE_BATCH: Final = 500
"""Objects of a user that are deleted at a time."""

DEFAULT_PAGE: Final = 20


class ImagesService(images_service_pb2_grpc.ImagesServiceServicer):
    """The public and internal RPCs of the images domain."""

    def __init__(self, store: UploadStore, objects: ObjectStore, settings: ImagesSettings) -> None:
        self._store = store
        self._objects = objects
        self._settings = settings
        self._cleaner = Cleaner(objects, settings.image_max_bytes)
        self._used: OrderedDict[str, str] = OrderedDict()
        """ETags of images in use, by key."""

    async def CreateUpload(
        self,
        request: images_service_pb2.CreateUploadRequest,
        context: Context,
    ) -> images_service_pb2.CreateUploadResponse:
        """Reserve a key and presign a PUT of the declared content type."""
        user_id = identity.require_user()
        if request.uploader_id and not _same_user(request.uploader_id, user_id):
            raise refusals.mismatch("uploader_id is not the caller")
        content_type = request.content_type or content_types.DEFAULT
        if problem := content_types.objection(content_type):
            raise refusals.invalid("content_type", problem)
        key = ImageKey.new(request.channel, request.filename, uuid.uuid4())
        metadata = self._metadata(request.metadata)
        seconds = self._settings.upload_seconds
        await self._store.create(
            Upload(str(key), key.channel, user_id, content_type, metadata), seconds=seconds
        )
        try:
            upload_url = await self._objects.presign_put(str(key), content_type, seconds)
        except ObjectStoreUnavailableError as error:
            raise refusals.storage_away(error) from error
        return images_service_pb2.CreateUploadResponse(
            key=str(key),
            upload_url=upload_url,
            cdn_url=self._url(key),
            expires_in=seconds,
            required_headers={"Content-Type": content_type},
        )

    async def FinalizeUpload(
        self,
        request: images_service_pb2.FinalizeUploadRequest,
        context: Context,
    ) -> images_service_pb2.FinalizeUploadResponse:
        """Confirm a pending upload of the caller, once, after comparing it with the storage."""
        user_id = identity.require_user()
        try:
            key = ImageKey.parse(request.key)
        except ValueError:
            raise refusals.upload_not_found() from None
        upload = await self._store.pending(str(key))
        if upload is None:
            raise refusals.upload_not_found()
        if upload.channel != request.channel:
            raise refusals.wrong_channel(upload.channel)
        if upload.uploader_id != user_id:
            raise refusals.mismatch("the upload is somebody else's")

        def confirmed(original: Original) -> bool:
            return original.etag == bare(request.etag) and (
                not request.HasField("content_length")
                or request.content_length == original.size_bytes
            )

        stored = await self._clean(
            str(key), missing=refusals.incomplete("nothing has been uploaded"), accepts=confirmed
        )
        if not await self._store.finalize(str(key), stored.etag, stored.content_type):
            raise refusals.upload_not_found()
        metadata = json_format.ParseDict(dict(upload.metadata), struct_pb2.Struct())
        return images_service_pb2.FinalizeUploadResponse(
            key=str(key),
            channel=upload.channel,
            cdn_url=self._url(key),
            uploader_id=upload.uploader_id,
            metadata=metadata,
            etag=stored.etag,
            content_type=stored.content_type,
        )

    async def ListMyImages(
        self,
        request: images_service_pb2.ListMyImagesRequest,
        context: Context,
    ) -> images_service_pb2.ListMyImagesResponse:
        """A page of the caller's pictures, newest first."""
        user_id = identity.require_user()
        scope = f"images:{user_id}"
        after = paging.after(request.cursor, scope)
        limit = request.limit or DEFAULT_PAGE
        channel = request.channel if request.HasField("channel") else None
        rows = await self._store.images_of(uuid.UUID(user_id), channel, after, limit + 1)
        response = images_service_pb2.ListMyImagesResponse()
        for row in rows[:limit]:
            response.images.add(
                key=row.key,
                channel=row.channel,
                cdn_url=self._url(ImageKey.parse(row.key)),
                content_type=row.content_type,
            ).created_at.FromDatetime(row.created_at)
        if len(rows) > limit:
            last = rows[limit - 1]
            response.next_cursor = Cursor(last.created_at, last.id).encode(scope)
        return response

    async def InspectImage(
        self,
        request: images_service_pb2.InspectImageRequest,
        context: Context,
    ) -> images_service_pb2.InspectImageResponse:
        """Check that a public URL is an image of ours that can be worked on, and keep it."""
        try:
            key = key_of_url(request.image_url, self._settings.cdn_base_url)
        except ForeignUrlError as error:
            raise refusals.foreign_url(error.host) from None
        response = await self._inspected_before(str(key))
        if response is not None:
            return response
        stored = await self._clean(str(key), missing=refusals.image_not_found())
        if not await self._store.use(str(key), key.channel, stored.content_type):
            raise refusals.image_not_found()
        self._remember(str(key), stored.etag)
        return images_service_pb2.InspectImageResponse(
            key=str(key), content_type=stored.content_type, size_bytes=stored.size_bytes
        )

    async def UploadBytes(
        self,
        request: images_service_pb2.UploadBytesRequest,
        context: Context,
    ) -> images_service_pb2.UploadBytesResponse:
        """Store a picture of another service's making.

        Its key is made of what it is, where it belongs and whose it is, so a call that is repeated
        finds it stored. The record comes before the object: what a crash leaves half done is
        swept like any upload that was not confirmed.
        """
        limit = self._settings.image_max_bytes
        try:
            picture = await cleaned(request.data, limit)
        except PictureError as error:
            raise refusals.no_picture(error, len(request.data), limit) from None
        if picture.content_type != request.content_type.replace("/jpg", "/jpeg"):
            raise refusals.type_mismatch(request.content_type, picture.content_type)
        owner = uuid.UUID(request.uploader_id) if request.uploader_id else None
        key = ImageKey.of_content(request.channel, picture.content_type, picture.data, owner)
        state = await self._store.begin(
            str(key),
            key.channel,
            owner,
            picture.content_type,
            seconds=self._settings.upload_seconds,
        )
        if state is None:
            raise refusals.being_changed()
        if state != "finalized":
            try:
                etag = await self._objects.put(str(key), picture.data, picture.content_type)
            except ObjectStoreUnavailableError as error:
                raise refusals.storage_away(error) from error
            await self._store.finalize(str(key), bare(etag), picture.content_type)
        return images_service_pb2.UploadBytesResponse(
            key=str(key),
            cdn_url=self._url(key),
            content_type=picture.content_type,
            size_bytes=len(picture.data),
        )

    async def EraseUser(
        self,
        request: images_service_pb2.EraseUserRequest,
        context: Context,
    ) -> images_service_pb2.EraseUserResponse:
        """Delete a user's objects, then their records, so that a half is taken up again.

        A PUT that was presigned before may still store an object; the sweeper deletes those that
        have no record.
        """
        user_id, erased = uuid.UUID(request.user_id), 0
        while keys := await self._store.claim_of(user_id, ERASE_BATCH):
            try:
                await self._objects.delete(keys)
            except ObjectStoreUnavailableError as error:
                raise refusals.storage_away(error) from error
            await self._store.forget(keys)
            for key in keys:
                self._used.pop(key, None)
            erased += len(keys)
        return images_service_pb2.EraseUserResponse(erased=erased)

    async def _inspected_before(self, key: str) -> images_service_pb2.InspectImageResponse | None:
        """What an image is, from its first bytes, if it is the one that this process has seen."""
        etag = self._used.get(key)
        if etag is None:
            return None
        try:
            head = await self._objects.head_and_sniff(key)
        except ObjectNotFoundError:
            raise refusals.image_not_found() from None
        except ObjectStoreUnavailableError as error:
            raise refusals.storage_away(error) from error
        content_type = content_type_of(head.start)
        if bare(head.etag) != etag or content_type is None:
            return None
        return images_service_pb2.InspectImageResponse(
            key=key, content_type=content_type, size_bytes=head.size_bytes
        )

    async def _clean(
        self,
        key: str,
        *,
        missing: DomainError,
        accepts: Callable[[Original], bool] = lambda _: True,
    ) -> Stored:
        """The stored picture, clean; DomainError when it can't be, or is not an accepted one."""
        limit = self._settings.image_max_bytes
        try:
            return await self._cleaner.clean(key, accepts)
        except ObjectNotFoundError:
            raise missing from None
        except NotAcceptedError:
            raise refusals.incomplete("the ETag or the length is not that of the object") from None
        except ObjectTooLargeError as error:
            raise refusals.no_picture(error, error.size_bytes, limit) from None
        except PictureError as error:
            raise refusals.no_picture(error, 0, limit) from None
        except ObjectChangedError:
            raise refusals.being_changed() from None
        except ObjectStoreUnavailableError as error:
            raise refusals.storage_away(error) from error

    def _metadata(self, remarks: struct_pb2.Struct) -> dict[str, Any]:
        """The client's remarks; DomainError when they can't be stored or are too long."""
        try:
            metadata: dict[str, Any] = json_format.MessageToDict(remarks)
        except (ValueError, json_format.Error):  # infinite, or no number
            raise refusals.invalid("metadata", "must be JSON") from None
        text = json.dumps(metadata, ensure_ascii=False)
        limit = self._settings.upload_metadata_max_bytes
        if len(text.encode()) > limit:
            raise refusals.invalid("metadata", f"must be at most {limit} bytes of JSON")
        if "\\u0000" in text.replace("\\\\", ""):
            raise refusals.invalid("metadata", "must not contain NUL characters")
        return metadata

    def _url(self, key: ImageKey) -> str:
        return url_of(key, self._settings.cdn_base_url)

    def _remember(self, key: str, etag: str) -> None:
        self._used[key] = etag
        if len(self._used) > REMEMBERED_KEYS:
            self._used.popitem(last=False)


def _same_user(claimed: str, user_id: str) -> bool:
    try:
        return str(uuid.UUID(claimed)) == user_id
    except ValueError:
        return False
