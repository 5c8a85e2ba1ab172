"""What kind of image some bytes are, from their first ones. Pure.

The claims of a file name or a Content-Type header count for nothing. Besides its magic number each
format must show the first structure that has to follow, so a cut-off or forged header is refused.
"""

from __future__ import annotations

from typing import Final

ENOUGH_BYTES: Final = 30
"""So many first bytes decide every format here."""

_PNG_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_PNG_FIRST_CHUNK: Final = b"\x00\x00\x00\rIHDR"


def content_type_of(start: bytes) -> str | None:
    """``image/jpeg``, ``image/png``, ``image/webp``, ``image/gif``, or None for anything else."""
    if _is_jpeg(start):
        return "image/jpeg"
    if _is_png(start):
        return "image/png"
    if _is_webp(start):
        return "image/webp"
    if _is_gif(start):
        return "image/gif"
    return None


def _is_jpeg(start: bytes) -> bool:
    """SOI, then a marker with its segment length (ITU-T T.81 B.1.1.4), which is at least 2."""
    return (
        len(start) >= 6
        and start[:3] == b"\xff\xd8\xff"
        and 0xC0 <= start[3] <= 0xFE
        and int.from_bytes(start[4:6], "big") >= 2
    )


def _is_png(start: bytes) -> bool:
    """Signature, then IHDR with a width and a height (W3C PNG §5.2, §11.2.1)."""
    return (
        len(start) >= 24
        and start[:8] == _PNG_SIGNATURE
        and start[8:16] == _PNG_FIRST_CHUNK
        and any(start[16:20])
        and any(start[20:24])
    )


def _is_webp(start: bytes) -> bool:
    """RIFF container of type WEBP with one of its three bitstreams (RFC 9649 §2.4)."""
    return (
        len(start) >= 20
        and start[:4] == b"RIFF"
        and start[8:12] == b"WEBP"
        and start[12:16] in (b"VP8 ", b"VP8L", b"VP8X")
    )


def _is_gif(start: bytes) -> bool:
    """Header and logical screen descriptor (GIF89a §17, §18)."""
    return len(start) >= 13 and start[:6] in (b"GIF87a", b"GIF89a")
