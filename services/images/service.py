"""ImagesService: hands out presigned uploads, confirms them, and inspects what was uploaded."""

from __future__ import annotations

import json
import uuid
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Final

import grpc.aio
from eco2.errors.v1.error_reason_pb2 import ErrorReason
from eco2.images.v1 import images_service_pb2, images_service_pb2_grpc
from google.protobuf import json_format, struct_pb2

from services.images import content_types
from services.images.keys import ForeignUrlError, ImageKey, key_of_url, url_of
from services.images.settings import ImagesSettings
from services.images.sniff import content_type_of
from services.images.store import Upload, UploadStore
from services.runtime import identity
from services.runtime.errors import DomainError
from services.runtime.objectstore import (
    Head,
    ObjectNotFoundError,
    ObjectStore,
    ObjectStoreUnavailableError,
)

if TYPE_CHECKING:
    Context = grpc.aio.ServicerContext[Any, Any]

REMEMBERED_KEYS: Final = 10_000
"""Images known to be marked as used; about 2 MB. Marking again would only cost a round trip."""

ERASE_BATCH: Final = 500
"""Objects of a user that are deleted at a time."""


class ImagesService(images_service_pb2_grpc.ImagesServiceServicer):
    """The public and internal RPCs of the images domain."""

    def __init__(self, store: UploadStore, objects: ObjectStore, settings: ImagesSettings) -> None:
        self._store = store
        self._objects = objects
        self._settings = settings
        self._used: OrderedDict[str, None] = OrderedDict()

    async def CreateUpload(
        self,
        request: images_service_pb2.CreateUploadRequest,
        context: Context,
    ) -> images_service_pb2.CreateUploadResponse:
        """Reserve a key and presign a PUT of the declared content type."""
        user_id = identity.require_user()
        if request.uploader_id and not _same_user(request.uploader_id, user_id):
            raise _mismatch("uploader_id is not the caller")
        content_type = request.content_type or content_types.DEFAULT
        if problem := content_types.objection(content_type):
            raise _invalid("content_type", problem)
        key = ImageKey.new(request.channel, request.filename, uuid.uuid4())
        metadata = self._metadata(request.metadata)
        seconds = self._settings.upload_seconds
        await self._store.create(
            Upload(str(key), key.channel, user_id, content_type, metadata), seconds=seconds
        )
        try:
            upload_url = await self._objects.presign_put(str(key), content_type, seconds)
        except ObjectStoreUnavailableError as error:
            raise _storage_away(error) from error
        return images_service_pb2.CreateUploadResponse(
            key=str(key),
            upload_url=upload_url,
            cdn_url=url_of(key, self._settings.cdn_base_url),
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
            raise _upload_not_found() from None
        upload = await self._store.pending(str(key))
        if upload is None:
            raise _upload_not_found()
        if upload.channel != request.channel:
            raise DomainError(
                ErrorReason.ERROR_REASON_CHANNEL_MISMATCH,
                "the upload belongs to another channel",
                metadata={"channel": upload.channel},
            )
        if upload.uploader_id != user_id:
            raise _mismatch("the upload is somebody else's")
        head = await self._head(str(key), missing=_incomplete("nothing has been uploaded"))
        if _bare(head.etag) != _bare(request.etag):
            raise _incomplete("the ETag is not that of the stored object")
        if request.HasField("content_length") and request.content_length != head.size_bytes:
            raise _incomplete("the length is not that of the stored object")
        if not await self._store.finalize(str(key), _bare(head.etag)):
            raise _upload_not_found()
        metadata = json_format.ParseDict(dict(upload.metadata), struct_pb2.Struct())
        return images_service_pb2.FinalizeUploadResponse(
            key=str(key),
            channel=upload.channel,
            cdn_url=url_of(key, self._settings.cdn_base_url),
            uploader_id=upload.uploader_id,
            metadata=metadata,
            etag=_bare(head.etag),
            content_type=upload.content_type,
        )

    async def InspectImage(
        self,
        request: images_service_pb2.InspectImageRequest,
        context: Context,
    ) -> images_service_pb2.InspectImageResponse:
        """Check that a public URL is an image of ours that can be worked on, and keep it."""
        try:
            key = key_of_url(request.image_url, self._settings.cdn_base_url)
        except ForeignUrlError as error:
            raise DomainError(
                ErrorReason.ERROR_REASON_IMAGE_URL_NOT_ALLOWED,
                str(error),
                metadata={"host": error.host},
            ) from None
        head = await self._head(str(key), missing=_image_not_found())
        content_type = self._accepted_type(head)
        if str(key) not in self._used:
            if not await self._store.use(str(key), key.channel, content_type):
                raise _image_not_found()
            self._remember(str(key))
        return images_service_pb2.InspectImageResponse(
            key=str(key), content_type=content_type, size_bytes=head.size_bytes
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
                raise _storage_away(error) from error
            await self._store.forget(keys)
            for key in keys:
                self._used.pop(key, None)
            erased += len(keys)
        return images_service_pb2.EraseUserResponse(erased=erased)

    def _accepted_type(self, head: Head) -> str:
        """Content type of a usable image; DomainError for an empty, too large or other object."""
        if head.size_bytes == 0:
            raise DomainError(ErrorReason.ERROR_REASON_IMAGE_EMPTY, "the object has no content")
        limit = self._settings.image_max_bytes
        if head.size_bytes > limit:
            raise DomainError(
                ErrorReason.ERROR_REASON_IMAGE_TOO_LARGE,
                f"the image has {head.size_bytes} bytes, the limit is {limit}",
                metadata={"size_bytes": str(head.size_bytes), "limit_bytes": str(limit)},
            )
        content_type = content_type_of(head.start)
        if content_type is None:
            raise DomainError(
                ErrorReason.ERROR_REASON_IMAGE_TYPE_UNSUPPORTED,
                "the bytes are not a JPEG, PNG, WebP or GIF image",
                metadata={"detected": "unknown"},
            )
        return content_type

    async def _head(self, key: str, *, missing: DomainError) -> Head:
        try:
            return await self._objects.head_and_sniff(key)
        except ObjectNotFoundError:
            raise missing from None
        except ObjectStoreUnavailableError as error:
            raise _storage_away(error) from error

    def _metadata(self, remarks: struct_pb2.Struct) -> dict[str, Any]:
        """The client's remarks; DomainError when they can't be stored or are too long."""
        try:
            metadata: dict[str, Any] = json_format.MessageToDict(remarks)
        except (ValueError, json_format.Error):  # infinite, or no number
            raise _invalid("metadata", "must be JSON") from None
        text = json.dumps(metadata, ensure_ascii=False)
        limit = self._settings.upload_metadata_max_bytes
        if len(text.encode()) > limit:
            raise _invalid("metadata", f"must be at most {limit} bytes of JSON")
        if "\\u0000" in text.replace("\\\\", ""):
            raise _invalid("metadata", "must not contain NUL characters")
        return metadata

    def _remember(self, key: str) -> None:
        self._used[key] = None
        if len(self._used) > REMEMBERED_KEYS:
            self._used.popitem(last=False)


def _same_user(claimed: str, user_id: str) -> bool:
    try:
        return str(uuid.UUID(claimed)) == user_id
    except ValueError:
        return False


def _bare(etag: str) -> str:
    """An ETag without weakness mark and quotes, which clients keep or drop as they like."""
    return etag.strip().removeprefix("W/").strip('"').lower()


def _invalid(field: str, problem: str) -> DomainError:
    return DomainError(
        ErrorReason.ERROR_REASON_VALIDATION_FAILED,
        f"{field} {problem}",
        violations=[(field, problem)],
    )


def _mismatch(message: str) -> DomainError:
    return DomainError(ErrorReason.ERROR_REASON_UPLOADER_MISMATCH, message)


def _upload_not_found() -> DomainError:
    return DomainError(ErrorReason.ERROR_REASON_UPLOAD_NOT_FOUND, "no pending upload has that key")


def _incomplete(message: str) -> DomainError:
    return DomainError(ErrorReason.ERROR_REASON_UPLOAD_INCOMPLETE, message)


def _image_not_found() -> DomainError:
    return DomainError(
        ErrorReason.ERROR_REASON_IMAGE_NOT_FOUND, "nothing is stored under the image's URL"
    )


def _storage_away(error: ObjectStoreUnavailableError) -> DomainError:
    return DomainError(
        ErrorReason.ERROR_REASON_DEPENDENCY_UNAVAILABLE,
        f"the object storage is not available: {error}",
        metadata={"dependency": "object storage"},
        retry_after_seconds=1,
    )
