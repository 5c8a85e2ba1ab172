"""Reading one RSS or Atom feed, as a process of its own.

    python -m streaming.workers.news.feed_reader < head-and-feed > JSON

A feed is a stranger's text in a format with room for attacks, and the parser is no match for all
of them. So it is read by a process that may use little time and memory and is thrown away; what
comes out is plain data of bounded size. Standard input is a line of JSON (the content type, how
many entries) and the feed; standard output an object with either ``refused`` or the feed.
"""

from __future__ import annotations

import io
import json
import re
import resource
import sys
from typing import Any, Final

CPU_SECONDS: Final = 3
"""A feed of 2 MB takes about one, a broken one that is read leniently half more."""

MEMORY_BYTES: Final = 512 * 1024 * 1024
"""Address space; a feed of 2 MB makes the interpreter grow to 40 MiB."""

_TEXT_CHARACTERS: Final = 20_000
_LINE_CHARACTERS: Final = 2_100
_TAGS: Final = 30

_ENTITY: Final = re.compile(rb"<!ENTITY", re.IGNORECASE)


def main() -> None:
    """Read, parse, print."""
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    head = json.loads(sys.stdin.buffer.readline())
    try:
        answer = parse(sys.stdin.buffer.read(), head["content_type"], head["entries"])
    except (MemoryError, RecursionError) as error:
        answer = {"refused": "too_much", "detail": type(error).__name__}
    json.dump(answer, sys.stdout)


def parse(feed: bytes, content_type: str, entries: int) -> dict[str, Any]:
    """The feed as plain data, or why it is refused."""
    bare = feed.replace(b"\0", b"")  # two-byte encodings look like one-byte ones without it
    if not bare.lstrip(b"\xef\xbb\xbf\xfe\xff \t\r\n").startswith(b"<"):
        return {"refused": "not_a_feed", "detail": "the text does not begin as XML"}
    import feedparser  # after the limits are set
    from feedparser.encodings import convert_to_utf8

    notes: dict[str, Any] = {}
    try:
        text = convert_to_utf8({"content-type": content_type}, feed, notes)
    except ValueError as error:  # an encoding's name may be one that Python has other uses for
        return {"refused": "malformed", "detail": type(error).__name__}
    # Some encodings write any sign in other signs (UTF-7, Python's own escapes): only in the text
    # as the parser gets it a declaration can't hide.
    if _ENTITY.search(text):
        return {"refused": "entities", "detail": "the feed declares entities of its own"}
    parsed = feedparser.parse(
        io.BytesIO(text),  # bytes or text could be taken for a file's name
        response_headers={"content-type": "application/xml; charset=utf-8"},
        sanitize_html=False,
        resolve_relative_uris=False,
    )
    if not parsed.entries:
        problem = parsed.get("bozo_exception")
        stranger = isinstance(notes.get("bozo_exception"), feedparser.NonXMLContentType)
        if stranger or not (problem or parsed.version):
            return {"refused": "not_a_feed", "detail": "neither RSS nor Atom"}
        if problem:
            return {"refused": "malformed", "detail": type(problem).__name__}
    image = parsed.feed.get("image") or {}
    return {
        "title": _line(parsed.feed.get("title")),
        "icon": _line(image.get("href") or parsed.feed.get("icon")),
        "entries": [_entry(entry) for entry in parsed.entries[:entries]],
    }


def _entry(entry: Any) -> dict[str, Any]:
    moment = entry.get("published_parsed") or entry.get("updated_parsed")
    content = entry.get("content") or [{}]
    return {
        "link": _line(entry.get("link")),
        "title": _line(entry.get("title")),
        "text": str(entry.get("summary") or content[0].get("value") or "")[:_TEXT_CHARACTERS],
        "published": list(moment[:6]) if moment else None,
        "keywords": [_line(tag.get("term")) for tag in (entry.get("tags") or [])[:_TAGS]],
        "picture": _line(_medium(entry, "image")),
        "video": _line(_medium(entry, "video")),
    }


def _medium(entry: Any, kind: str) -> str:
    """Address of a picture or video that belongs to an entry."""
    if kind == "image":
        for thumbnail in entry.get("media_thumbnail") or []:
            if thumbnail.get("url"):
                return str(thumbnail["url"])
    for medium in [*(entry.get("media_content") or []), *(entry.get("enclosures") or [])]:
        what = str(medium.get("type") or medium.get("medium") or "")
        if what.startswith(kind):
            return str(medium.get("url") or medium.get("href") or "")
    return ""


def _line(value: object) -> str:
    return str(value or "")[:_LINE_CHARACTERS]


if __name__ == "__main__":
    main()
