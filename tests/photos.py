"""Files with the structure of photos: whole for whoever walks it, and nothing to look at."""

from __future__ import annotations

from typing import Final

JFIF: Final = b"\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"
SCAN: Final = b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00"
END: Final = b"\xff\xd9"


def jpeg(size_bytes: int, *segments: bytes) -> bytes:
    """A JPEG of exactly so many bytes with these segments before its scan."""
    head = b"\xff\xd8" + JFIF + b"".join(segments) + SCAN
    return head + bytes(size_bytes - len(head) - len(END)) + END


def exif(text: bytes) -> bytes:
    """An Exif segment, upright, that holds a text."""
    body = b"Exif\0\0MM\0*\0\0\0\x08\0\0" + text
    return b"\xff\xe1" + (len(body) + 2).to_bytes(2, "big") + body
