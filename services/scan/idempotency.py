"""Repeated submissions: what makes two of them the same. Pure."""

from __future__ import annotations

import hashlib
from typing import Final

HEADER: Final = "x-idempotency-key"
MAX_LENGTH: Final = 255
"""Longest key; the text is kept as it is for an hour."""


def fingerprint(image_url: str, user_input: str, model: str, municipality: str) -> bytes:
    """Digest of everything that decides what a submission does.

    Each part is preceded by its length, so that no two different payloads run together.
    """
    digest = hashlib.sha256()
    for part in (image_url, user_input, model, municipality):
        raw = part.encode()
        digest.update(len(raw).to_bytes(4, "big"))
        digest.update(raw)
    return digest.digest()
