"""Cursors of the history: where a page ended, as an opaque text. Pure.

A cursor names the last row of a page by its sort key. It carries a digest over the key and its
owner, so a cursor that was cut, changed or taken from somebody else is refused instead of leading
to some other place. That catches mistakes; it is no access control, every page is of the caller's
own scans whatever the cursor says.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import struct
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Self

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_FORMAT: Final = struct.Struct(">Bq16s")
_VERSION: Final = 1
_DIGEST_BYTES: Final = 8


@dataclass(frozen=True, slots=True)
class Cursor:
    """Sort key of the last row of a page."""

    created_at: datetime
    """With time zone; PostgreSQL keeps microseconds, and so does the cursor."""
    job_id: uuid.UUID

    def encode(self, user_id: str) -> str:
        """The text a client sends back; 44 characters of the URL-safe base64 alphabet."""
        micros = (self.created_at - _EPOCH) // _MICROSECOND
        body = _FORMAT.pack(_VERSION, micros, self.job_id.bytes)
        return base64.urlsafe_b64encode(body + _digest(body, user_id)).decode()

    @classmethod
    def decode(cls, text: str, user_id: str) -> Self:
        """Read a text made for the same user by :meth:`encode`; ValueError for any other."""
        try:
            raw = base64.b64decode(text, altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            raise ValueError("not a cursor") from None
        body, digest = raw[: _FORMAT.size], raw[_FORMAT.size :]
        if len(body) != _FORMAT.size or digest != _digest(body, user_id):
            raise ValueError("not a cursor of this list")
        version, micros, job_id = _FORMAT.unpack(body)
        if version != _VERSION:
            raise ValueError("a cursor of another version")
        try:
            created_at = _EPOCH + micros * _MICROSECOND
        except OverflowError:
            raise ValueError("a cursor out of time") from None
        return cls(created_at, uuid.UUID(bytes=job_id))


def _digest(body: bytes, user_id: str) -> bytes:
    return hashlib.blake2b(body, digest_size=_DIGEST_BYTES, key=user_id.encode()[:64]).digest()
