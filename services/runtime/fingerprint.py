"""What makes two payloads the same. Pure."""

from __future__ import annotations

import hashlib


def fingerprint(*parts: str) -> bytes:
    """Digest of everything that decides what a submission does.

    Each part is preceded by its length, so that no two different payloads run together.
    """
    digest = hashlib.sha256()
    for part in parts:
        raw = part.encode()
        digest.update(len(raw).to_bytes(4, "big"))
        digest.update(raw)
    return digest.digest()
