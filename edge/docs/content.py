"""What the docs server sends: bodies made once at start-up, with the headers that cache them."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import Final

TYPES: Final = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "json": "application/json",
    "svg": "image/svg+xml",
    "png": "image/png",
    "jpg": "image/jpeg",
}
"""Media types by the ending of a name."""

_COMPRESSED: Final = ("html", "css", "js", "json", "svg")

FRESH_SECONDS: Final = 300
"""How long a cache may use an answer unasked; after that it asks with the ETag."""

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Content:
    """One body and how it is sent."""

    body: bytes
    ending: str
    policy: str = ""
    """Content-Security-Policy of a page; empty for what is no page."""

    fresh_seconds: int = FRESH_SECONDS
    """How long a cache may use it unasked; 0 to have it ask every time."""

    @cached_property
    def etag(self) -> str:
        """Strong validator of the plain body, quotes included."""
        return f'"{hashlib.sha256(self.body).hexdigest()[:32]}"'

    @cached_property
    def compressed(self) -> bytes:
        """The body for those who take gzip; empty when it is no text."""
        return gzip.compress(self.body, 9, mtime=0) if self.ending in _COMPRESSED else b""

    def answer(self, accept_encoding: str, if_none_match: str) -> tuple[int, Headers, bytes]:
        """Status, headers and body for a request with these two headers."""
        small = "gzip" in accept_encoding and self.compressed
        etag = f'{self.etag[:-1]}-gzip"' if small else self.etag
        headers: list[tuple[str, str]] = [
            ("etag", etag),
            ("cache-control", f"public, max-age={self.fresh_seconds}"),
            ("vary", "accept-encoding"),
        ]
        if _matches(if_none_match, etag):
            return 304, tuple(headers), b""
        headers.append(("content-type", TYPES[self.ending]))
        if small:
            headers.append(("content-encoding", "gzip"))
        if self.policy:
            headers += [
                ("content-security-policy", self.policy),
                ("referrer-policy", "no-referrer"),
                ("cross-origin-opener-policy", "same-origin"),
            ]
        return 200, tuple(headers), self.compressed if small else self.body


def _matches(if_none_match: str, etag: str) -> bool:
    """Weak comparison (RFC 9110 §13.1.2)."""
    given = (tag.strip().removeprefix("W/") for tag in if_none_match.split(","))
    return any(tag in (etag, "*") for tag in given)
