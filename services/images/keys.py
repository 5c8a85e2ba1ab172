"""Object keys of images and the public URLs they are seen under. Pure.

A key is ``<channel>/<32 hex digits>.<extension>`` (docs/app.md). A URL is accepted only when it is,
character for character, the configured base followed by such a key: nothing is parsed, decoded or
resolved, so there is no second reading of it (other hosts, ports or schemes, user info, dot
segments, percent-encoding, queries and fragments all differ from the one accepted spelling).
"""

from __future__ import annotations

import hashlib
import re
import uuid
from dataclasses import dataclass
from typing import Final, Self
from urllib.parse import urlsplit

CHANNELS: Final = ("chat", "scan", "my", "generated")
"""What images are for. The backend makes ``generated`` ones, and may use other words."""

FALLBACK_EXTENSION: Final = "bin"

_EXTENSION: Final = re.compile(r"[a-z0-9]{1,10}")
_KEY: Final = re.compile(r"([a-z][a-z0-9-]{0,31})/([0-9a-f]{32})\.([a-z0-9]{1,10})")
_EXTENSIONS: Final = {
    "image/jpeg": "jpg",
    "image/png": "png",
    "image/webp": "webp",
    "image/gif": "gif",
}
_MAX_HOST: Final = 253
"""Longest DNS name (RFC 1035 §2.3.4)."""


class ForeignUrlError(ValueError):
    """A URL that is not one of our images; `host` is what it names, for the error's metadata."""

    def __init__(self, host: str) -> None:
        super().__init__("the URL does not point to an image uploaded here")
        self.host = host


@dataclass(frozen=True, slots=True)
class ImageKey:
    """Name of an image in the bucket."""

    channel: str
    id: str
    """32 lower-case hex digits."""
    extension: str
    """Without the dot. A hint for people: the type of an image is found by looking at it."""

    def __str__(self) -> str:
        return f"{self.channel}/{self.id}.{self.extension}"

    @classmethod
    def new(cls, channel: str, filename: str, unique: uuid.UUID) -> Self:
        """Key for a file to be uploaded; only the extension of `filename` is used."""
        return cls(channel, unique.hex, extension_of(filename))

    @classmethod
    def of_content(
        cls, channel: str, content_type: str, data: bytes, owner: uuid.UUID | None
    ) -> Self:
        """Key of a picture by what it is and whose: the same for the same picture."""
        digest = hashlib.blake2b(digest_size=16, key=b"" if owner is None else owner.bytes)
        digest.update(f"{channel}\0".encode())
        digest.update(data)
        return cls(channel, digest.hexdigest(), _EXTENSIONS[content_type])

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a key; ValueError when it is not one of ours."""
        found = _KEY.fullmatch(text)
        if found is None:
            raise ValueError("not an image key")
        return cls(*found.groups())


def extension_of(filename: str) -> str:
    """Extension of a file name in lower case, ``bin`` when it has none of letters and digits."""
    base = re.split(r"[/\\]", filename)[-1]
    stem, dot, extension = base.rpartition(".")
    extension = extension.lower()
    return extension if stem and dot and _EXTENSION.fullmatch(extension) else FALLBACK_EXTENSION


def url_of(key: ImageKey, cdn_base_url: str) -> str:
    """Public URL of an image."""
    return f"{cdn_base_url.rstrip('/')}/{key}"


def key_of_url(url: str, cdn_base_url: str) -> ImageKey:
    """The image a public URL stands for; :class:`ForeignUrlError` when it is none of ours."""
    base = cdn_base_url.rstrip("/") + "/"
    if url.startswith(base):
        try:
            return ImageKey.parse(url[len(base) :])
        except ValueError:
            pass
    raise ForeignUrlError(_host_of(url))


def _host_of(url: str) -> str:
    """Host a URL names as far as it can be told; only reported, never used."""
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return ""
    return host[:_MAX_HOST]
