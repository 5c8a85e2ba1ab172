"""Takes camera data out of stored pictures, in place.

Photos come straight from phones into the bucket, with the place they were taken in them, and are
served to whoever has their URL. So a picture is rewritten without such data at the first moment it
is confirmed or used for something, before its URL goes anywhere. The rewrite is one conditional
PUT: readers get all of the old or of the new picture, and one that was uploaded again meanwhile is
looked at again instead of being overwritten. A rewritten object names the one it was made from, so
that it is known to be clean and can still be told by the ETag its uploader has.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from prometheus_client import Counter

from services.images.picture import Picture, clean
from services.runtime.objectstore import ObjectChangedError, ObjectStore

AT_ONCE: Final = 8
"""Pictures that are in memory at the same time, twice: 160 MiB with the largest ones."""

THREAD_BYTES: Final = 128 * 1024
"""Larger pictures are cleaned beside the event loop; a thread costs as much as this many bytes."""

TRIES: Final = 3

_CLEANED = Counter("images_cleaned_total", "Stored pictures rewritten without their metadata.")


@dataclass(frozen=True, slots=True)
class Original:
    """An object as its uploader knows it."""

    etag: str
    """Without quotes."""
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Stored:
    """A picture in the bucket that is known to be clean."""

    content_type: str
    size_bytes: int
    etag: str
    """Without quotes."""
    original: Original


class NotAcceptedError(Exception):
    """The object is not the one that was uploaded, as far as the caller knows."""


class Cleaner:
    """Cleans what is stored."""

    def __init__(self, objects: ObjectStore, limit_bytes: int) -> None:
        self._objects = objects
        self._limit_bytes = limit_bytes
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def clean(self, key: str, accepts: Callable[[Original], bool]) -> Stored:
        """See to it that an object is a clean picture.

        Raises NotAcceptedError when it is not one the caller accepts; PictureError and
        ObjectTooLargeError for what is no picture; ObjectNotFoundError,
        ObjectStoreUnavailableError, and ObjectChangedError when it changes all the time.
        """
        async with self._turns:
            for _ in range(TRIES):
                try:
                    return await self._clean(key, accepts)
                except ObjectChangedError:
                    continue
        raise ObjectChangedError(key)

    async def _clean(self, key: str, accepts: Callable[[Original], bool]) -> Stored:
        content = await self._objects.fetch(key, self._limit_bytes)
        etag = bare(content.etag)
        original = _named(content.source) or Original(etag, len(content.data))
        if not accepts(original):
            raise NotAcceptedError
        picture = await cleaned(content.data, self._limit_bytes)
        if picture.data != content.data:
            replaced_by = await self._objects.put(
                key,
                picture.data,
                picture.content_type,
                source=f"{original.etag}:{original.size_bytes}",
                replaces=content.etag,
            )
            etag = bare(replaced_by)
            _CLEANED.inc()
        return Stored(picture.content_type, len(picture.data), etag, original)


async def cleaned(data: bytes, limit_bytes: int) -> Picture:
    """:func:`services.images.picture.clean` without holding up the event loop."""
    if len(data) <= THREAD_BYTES:
        return clean(data, limit_bytes)
    return await asyncio.to_thread(clean, data, limit_bytes)


def bare(etag: str) -> str:
    """An ETag without weakness mark and quotes, which clients keep or drop as they like."""
    return etag.strip().removeprefix("W/").strip('"').lower()


def _named(source: str) -> Original | None:
    """The object that a rewritten one names."""
    etag, _, size = source.rpartition(":")
    return Original(etag, int(size)) if etag and size.isdecimal() else None
