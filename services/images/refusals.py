"""The domain's refusals: what each means for the caller."""

from __future__ import annotations

from eco2.errors.v1.error_reason_pb2 import ErrorReason

from services.images.picture import (
    DamagedError,
    EmptyError,
    PictureError,
    TooLargeError,
    TypeUnsupportedError,
)
from services.runtime.errors import DomainError
from services.runtime.objectstore import ObjectStoreUnavailableError, ObjectTooLargeError
from services.runtime.refusals import invalid

__all__ = [
    "being_changed",
    "foreign_url",
    "image_not_found",
    "incomplete",
    "invalid",
    "mismatch",
    "no_picture",
    "storage_away",
    "type_mismatch",
    "upload_not_found",
    "wrong_channel",
]


def mismatch(message: str) -> DomainError:
    """The upload is not the caller's."""
    return DomainError(ErrorReason.ERROR_REASON_UPLOADER_MISMATCH, message)


def upload_not_found() -> DomainError:
    """Nothing can be finalized under the key."""
    return DomainError(ErrorReason.ERROR_REASON_UPLOAD_NOT_FOUND, "no pending upload has that key")


def wrong_channel(channel: str) -> DomainError:
    """The upload belongs to another channel than the request's."""
    return DomainError(
        ErrorReason.ERROR_REASON_CHANNEL_MISMATCH,
        "the upload belongs to another channel",
        metadata={"channel": channel},
    )


def incomplete(message: str) -> DomainError:
    """What is stored is not what the client says it has uploaded."""
    return DomainError(ErrorReason.ERROR_REASON_UPLOAD_INCOMPLETE, message)


def image_not_found() -> DomainError:
    """Nothing is stored under a URL of ours."""
    return DomainError(
        ErrorReason.ERROR_REASON_IMAGE_NOT_FOUND, "nothing is stored under the image's URL"
    )


def foreign_url(host: str) -> DomainError:
    """The URL is not one of ours."""
    return DomainError(
        ErrorReason.ERROR_REASON_IMAGE_URL_NOT_ALLOWED,
        "the URL does not point to an image uploaded here",
        metadata={"host": host},
    )


def type_mismatch(declared: str, detected: str) -> DomainError:
    """The bytes are of another type than the caller says."""
    return DomainError(
        ErrorReason.ERROR_REASON_IMAGE_TYPE_MISMATCH,
        f"the bytes are {detected}",
        metadata={"declared": declared, "detected": detected},
    )


def no_picture(
    error: PictureError | ObjectTooLargeError, size_bytes: int, limit_bytes: int
) -> DomainError:
    """The bytes, so many of them, are no picture that can be worked on."""
    match error:
        case EmptyError():
            return DomainError(ErrorReason.ERROR_REASON_IMAGE_EMPTY, "the object has no content")
        case TooLargeError() | ObjectTooLargeError():
            return DomainError(
                ErrorReason.ERROR_REASON_IMAGE_TOO_LARGE,
                f"the image has {size_bytes} bytes, the limit is {limit_bytes}",
                metadata={"size_bytes": str(size_bytes), "limit_bytes": str(limit_bytes)},
            )
        case DamagedError():
            return DomainError(
                ErrorReason.ERROR_REASON_IMAGE_DAMAGED,
                f"the image is not whole: {error}",
                metadata={"detected": error.content_type},
            )
        case TypeUnsupportedError():
            pass
    return DomainError(
        ErrorReason.ERROR_REASON_IMAGE_TYPE_UNSUPPORTED,
        "the bytes are not a JPEG, PNG, WebP or GIF image",
        metadata={"detected": "unknown"},
    )


def storage_away(error: ObjectStoreUnavailableError) -> DomainError:
    """The object storage does not answer."""
    return _unavailable(f"the object storage is not available: {error}")


def being_changed() -> DomainError:
    """The object is being replaced or deleted at this moment."""
    return _unavailable("the image is being changed")


def _unavailable(message: str) -> DomainError:
    return DomainError(
        ErrorReason.ERROR_REASON_DEPENDENCY_UNAVAILABLE,
        message,
        metadata={"dependency": "object storage"},
        retry_after_seconds=1,
    )
