"""Cursors: where a page of a list ended, as an opaque text. Pure.

A cursor names the last row of a page by its sort key. It carries a digest over the key and the list
it belongs to (whose it is included), so a cursor that was cut, changed or taken from elsewhere is
refused instead of leading to some other place. That catches mistakes; it is no access control: a
list shows the caller's own rows whatever the cursor says.
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
    row_id: uuid.UUID

    def encode(self, scope: str) -> str:
        """The text a client sends back; 44 characters of the URL-safe base64 alphabet.

        `scope` names the list and whose it is, in at most 64 bytes.
        """
        micros = (self.created_at - _EPOCH) // _MICROSECOND
        body = _FORMAT.pack(_VERSION, micros, self.row_id.bytes)
        return base64.urlsafe_b64encode(body + _digest(body, scope)).decode()

    @classmethod
    def decode(cls, text: str, scope: str) -> Self:
        """Read a text made for the same list by :meth:`encode`; ValueError for any other."""
        try:
            raw = base64.b64decode(text, altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            raise ValueError("not a cursor") from None
        body, digest = raw[: _FORMAT.size], raw[_FORMAT.size :]
        if len(body) != _FORMAT.size or digest != _digest(body, scope):
            raise ValueError("not a cursor of this list")
        version, micros, row_id = _FORMAT.unpack(body)
        if version != _VERSION:
            raise ValueError("a cursor of another version")
        try:
            created_at = _EPOCH + micros * _MICROSECOND
        except OverflowError:
            raise ValueError("a cursor out of time") from None
        return cls(created_at, uuid.UUID(bytes=row_id))


def _digest(body: bytes, scope: str) -> bytes:
    return hashlib.blake2b(body, digest_size=_DIGEST_BYTES, key=scope.encode()).digest()
