"""What makes some bytes a picture that may be served, and what is taken out of it. Pure.

Nothing is decoded, so no picture can be a bomb: only the file's own structure is walked. What
stands after the end of a picture (an archive glued to it, a video) goes with the metadata.
"""

from __future__ import annotations

from dataclasses import dataclass

from services.images.sniff import content_type_of
from services.runtime.photo_metadata import NotAPhotoError, strip


class PictureError(ValueError):
    """Base of why bytes are no picture to be served."""


class EmptyError(PictureError):
    """There are no bytes."""


class TooLargeError(PictureError):
    """There are more bytes than a picture may have."""


class TypeUnsupportedError(PictureError):
    """The bytes are no JPEG, PNG, WebP or GIF."""


class DamagedError(PictureError):
    """The bytes begin like a picture and are not a whole one."""

    def __init__(self, content_type: str, problem: str) -> None:
        super().__init__(problem)
        self.content_type = content_type


@dataclass(frozen=True, slots=True)
class Picture:
    """A whole picture without metadata."""

    content_type: str
    data: bytes


def clean(data: bytes, limit_bytes: int) -> Picture:
    """The picture that some bytes are, with its metadata left out; :class:`PictureError` when they
    are none. Cleaning twice changes nothing. Some 10 ms for 10 MiB, 0.2 s for the worst ones.
    """
    if not data:
        raise EmptyError
    if len(data) > limit_bytes:
        raise TooLargeError
    content_type = content_type_of(data[:64])
    if content_type is None:
        raise TypeUnsupportedError
    try:
        return Picture(content_type, strip(data))
    except NotAPhotoError as error:
        raise DamagedError(content_type, str(error)) from None
