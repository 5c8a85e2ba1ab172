"""Text as providers and feeds write it, made plain: no tags, no entities, one line. Pure."""

from __future__ import annotations

import html
import re
from typing import Final

_HIDDEN: Final = re.compile(r"<(script|style)\b[^>]{0,1000}>.*?(?:</\1\s*>|$)", re.I | re.S)
_COMMENT: Final = re.compile(r"<!--.*?(?:-->|$)|<!\[CDATA\[|\]\]>", re.S)
_BREAK: Final = re.compile(r"<\s*/?\s*(?:br|p|div|li|tr|h[1-6])\b[^<>]*>", re.I)
_TAG: Final = re.compile(r"</?[A-Za-z][^<>]*>")

MAX_INPUT: Final = 20_000
"""Characters of a text that are looked at; an article's beginning is far shorter."""


def plain(text: str, limit: int) -> str:
    """At most `limit` characters of the visible text.

    Entities are resolved twice, as feeds often escape what was escaped already; a cut text ends
    with an ellipsis.
    """
    text = text[:MAX_INPUT]
    for _ in range(2):
        text = html.unescape(_without_tags(text))
    text = _without_tags(text)
    text = " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
    return text if len(text) <= limit else f"{text[: limit - 1].rstrip()}…"


def _without_tags(text: str) -> str:
    text = _COMMENT.sub("", _HIDDEN.sub(" ", text))
    return _TAG.sub("", _BREAK.sub(" ", text))
