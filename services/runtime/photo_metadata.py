"""Takes camera data (place, time, device, previews) out of a photo without re-encoding it.

The compressed picture is copied byte for byte; only segments and chunks that carry data about it
are left out. What is needed to draw it right stays: colour profile, Adobe transform, animation, and
the orientation, which is written anew as an Exif block with that one entry.

Formats: JPEG (ITU T.81, Exif 2.32), PNG (W3C PNG 3rd edition, chunk ``eXIf``), WebP (RFC 9649) and
GIF (CompuServe GIF89a).
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator
from typing import Final

MOST_PARTS: Final = 100_000
"""Segments, chunks or blocks a file may have. The largest upload in the smallest pieces that
writers use (GIF blocks of 255 bytes) has 41,000; a file of millions would cost seconds."""

JPEG_START: Final = b"\xff\xd8"
PNG_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"

_PNG_KEPT: Final = frozenset(
    {b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"cHRM", b"gAMA", b"iCCP", b"sBIT", b"sRGB"}
    | {b"cICP", b"mDCV", b"cLLI", b"bKGD", b"pHYs", b"acTL", b"fcTL", b"fdAT"}
)
_WEBP_KEPT: Final = frozenset({b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF", b"ICCP"})
_WEBP_EXIF_FLAG: Final = 0x08
_WEBP_XMP_FLAG: Final = 0x04

_MARKER_LEAD: Final = re.compile(rb"\xff+")
"""What stands before a marker's code; fill bytes may precede it."""

_SCAN_END: Final = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]", re.DOTALL)
"""The next real marker in entropy-coded data: neither a stuffed byte, nor a restart, nor a fill."""

_ORIENTATION: Final = 0x0112
_SHORT: Final = 3


class NotAPhotoError(ValueError):
    """The bytes are not a whole JPEG, PNG, WebP or GIF."""


def strip(data: bytes) -> bytes:
    """The photo without metadata; a photo without any comes back with the same picture data.

    Raises :class:`NotAPhotoError` for another format and for a file that ends too early.
    """
    try:
        if data.startswith(JPEG_START):
            return b"".join(_jpeg(data))
        if data.startswith(PNG_SIGNATURE):
            return b"".join(_png(data))
        if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
            return _webp(data)
        if data[:6] in (b"GIF87a", b"GIF89a"):
            return b"".join(_gif(data))
    except (struct.error, IndexError) as error:
        raise NotAPhotoError("the file ends too early") from error
    raise NotAPhotoError("neither JPEG nor PNG nor WebP nor GIF")


def _jpeg(data: bytes) -> Iterator[bytes]:
    yield JPEG_START
    at = 2
    exif_seen = False
    for _ in _parts():
        lead = _MARKER_LEAD.match(data, at)
        if lead is None:
            raise NotAPhotoError("no JPEG marker where one is due")
        at = lead.end()
        marker = data[at]
        at += 1
        if marker == 0xD9:  # end of image
            yield b"\xff\xd9"
            return
        if marker == 0x01 or 0xD0 <= marker <= 0xD7:  # markers without a length
            yield bytes((0xFF, marker))
            continue
        (length,) = struct.unpack_from(">H", data, at)
        body = data[at + 2 : at + length]
        if length < 2 or len(body) != length - 2:
            raise NotAPhotoError("a JPEG segment is cut short")
        at += length
        if marker == 0xE1 and body.startswith(b"Exif\0\0") and not exif_seen:
            exif_seen = True
            turned = _orientation(body[6:])
            if turned is not None:
                exif = b"Exif\0\0" + _exif_with(turned)
                yield b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif
        if _jpeg_kept(marker, body):
            yield bytes((0xFF, marker)) + struct.pack(">H", length) + body
        if marker == 0xDA:  # start of scan: entropy-coded data up to the next real marker
            end = _scan_end(data, at)
            yield data[at:end]
            at = end


def _jpeg_kept(marker: int, body: bytes) -> bool:
    if marker == 0xFE:  # comment
        return False
    if not 0xE0 <= marker <= 0xEF:
        return True
    # APP0 is JFIF (its thumbnail sibling JFXX is not needed), APP2 the colour profile, APP14 Adobe
    return (
        (marker == 0xE0 and body.startswith(b"JFIF\0"))
        or (marker == 0xE2 and body.startswith(b"ICC_PROFILE\0"))
        or (marker == 0xEE and body.startswith(b"Adobe"))
    )


def _scan_end(data: bytes, at: int) -> int:
    found = _SCAN_END.search(data, at)
    if found is None:
        raise NotAPhotoError("the JPEG has no end marker")
    return found.start()


def _png(data: bytes) -> Iterator[bytes]:
    yield PNG_SIGNATURE
    at = len(PNG_SIGNATURE)
    for _ in _parts():
        length, kind = struct.unpack_from(">I4s", data, at)
        end = at + 12 + length
        if end > len(data):
            raise NotAPhotoError("a PNG chunk is cut short")
        if kind in _PNG_KEPT:
            yield data[at:end]
        elif kind == b"eXIf":
            turned = _orientation(data[at + 8 : at + 8 + length])
            if turned is not None:
                exif = _exif_with(turned)
                crc = zlib.crc32(b"eXIf" + exif)
                yield struct.pack(">I4s", len(exif), b"eXIf") + exif + struct.pack(">I", crc)
        if kind == b"IEND":
            return
        at = end


def _webp(data: bytes) -> bytes:
    (riff_size,) = struct.unpack_from("<I", data, 4)
    end = 8 + riff_size
    if end > len(data) + 1:  # some writers leave out the last padding byte
        raise NotAPhotoError("the WebP is cut short")
    kept: list[tuple[bytes, bytes]] = []
    exif = b""
    at = 12
    parts = _parts()
    while at + 8 <= min(end, len(data)):
        next(parts)
        kind, length = struct.unpack_from("<4sI", data, at)
        body = data[at + 8 : at + 8 + length]
        if len(body) != length:
            raise NotAPhotoError("a WebP chunk is cut short")
        if kind in _WEBP_KEPT:
            kept.append((kind, body))
        elif kind == b"EXIF":
            turned = _orientation(body.removeprefix(b"Exif\0\0"))
            exif = b"" if turned is None else _exif_with(turned)
        at += 8 + length + (length & 1)
    if not kept:
        raise NotAPhotoError("the WebP holds no picture")
    if exif:
        kept.append((b"EXIF", exif))
    chunks = b"".join(
        kind + struct.pack("<I", len(body)) + body + b"\0" * (len(body) & 1)
        for kind, body in (
            (kind, _flags(body, exif) if kind == b"VP8X" else body) for kind, body in kept
        )
    )
    return b"RIFF" + struct.pack("<I", len(chunks) + 4) + b"WEBP" + chunks


def _flags(header: bytes, exif: bytes) -> bytes:
    """The extended header with the flags of what was left out cleared."""
    flags = header[0] & ~(_WEBP_EXIF_FLAG | _WEBP_XMP_FLAG)
    return bytes((flags | (_WEBP_EXIF_FLAG if exif else 0),)) + header[1:]


def _gif(data: bytes) -> Iterator[bytes]:
    at = 13 + _colour_table(data[10])
    yield data[:at]
    parts = _parts()
    while True:
        start, kind = at, data[at]
        if kind == 0x3B:  # trailer
            yield data[at : at + 1]
            return
        if kind == 0x2C:  # an image: descriptor, colour table, code size, data
            at += 10 + _colour_table(data[at + 9]) + 1
            keep = True
        elif kind == 0x21:  # an extension: timing and looping are kept, comments and the rest not
            keep = data[at + 1] == 0xF9 or data[at + 3 : at + 14] == b"NETSCAPE2.0"
            at += 2
        else:
            raise NotAPhotoError("no GIF block where one is due")
        next(parts)
        while data[at]:  # sub-blocks up to an empty one
            next(parts)
            at += 1 + data[at]
        at += 1
        if keep:
            yield data[start:at]


def _parts() -> Iterator[int]:
    """Counts the parts of a file; NotAPhotoError when there are too many."""
    yield from range(MOST_PARTS)
    raise NotAPhotoError("the file has too many parts")


def _colour_table(flags: int) -> int:
    """Bytes of the colour table that a GIF's flag byte announces."""
    return 3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0


def _orientation(tiff: bytes) -> int | None:
    """Orientation (2–8) stated in a TIFF block; None when absent, upright or unreadable."""
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None:
        return None
    try:
        (first,) = struct.unpack_from(f"{order}I", tiff, 4)
        (count,) = struct.unpack_from(f"{order}H", tiff, first)
        for index in range(min(count, 512)):
            tag, kind, _, value = struct.unpack_from(f"{order}HHIH", tiff, first + 2 + 12 * index)
            if tag == _ORIENTATION and kind == _SHORT:
                return value if 2 <= value <= 8 else None
    except struct.error:
        pass
    return None


def _exif_with(orientation: int) -> bytes:
    """A TIFF block whose only entry is the orientation."""
    entry = struct.pack(">HHIHH", _ORIENTATION, _SHORT, 1, orientation, 0)
    return b"MM\0*" + struct.pack(">IH", 8, 1) + entry + struct.pack(">I", 0)
