"""Which content types an upload may declare. Pure.

Any type is taken, as long as a browser that opens the public URL would not run what is in it: the
images share an origin with the CDN, and a page or an SVG there could act for whoever opens it.
"""

from __future__ import annotations

import re
from typing import Final

DEFAULT: Final = "application/octet-stream"
"""When the request names none."""

_MEDIA_TYPE: Final = re.compile(r"[\w!#$&^.+-]+/[\w!#$&^.+-]+(?: *;[\x20-\x7e]*)?", re.ASCII)
"""``type/subtype``, then parameters (RFC 9110 §8.3.1)."""

_ACTIVE: Final = re.compile(
    r"html|xml|javascript|ecmascript|svg|pdf|multipart|message|unknown", re.IGNORECASE
)
"""``unknown``, like what is no media type at all, makes a browser guess (MIME Sniffing §7)."""


def objection(content_type: str) -> str | None:
    """What speaks against an upload with this content type, in English; None when nothing does.

    The whole value is looked at, not just the first type: a header with several comma-separated
    types is read as its last one (Fetch standard, "extract a MIME type").
    """
    if _MEDIA_TYPE.fullmatch(content_type) is None:
        return "must be a media type"
    if _ACTIVE.search(content_type):
        return "must not be a type that browsers execute"
    return None
