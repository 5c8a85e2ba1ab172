"""How a page is cached and compressed."""

from __future__ import annotations

import gzip

import pytest

from edge.docs.content import Content

PAGE = Content(b"<p>page</p>" * 100, "html", "default-src 'none'")
PICTURE = Content(b"\xff\xd8picture", "jpg", fresh_seconds=0)


def answer(
    content: Content, encoding: str = "", tags: str = ""
) -> tuple[int, dict[str, str], bytes]:
    status, headers, body = content.answer(encoding, tags)
    return status, dict(headers), body


def test_text_is_compressed_for_those_who_take_it() -> None:
    _, plain, body = answer(PAGE)
    _, packed, small = answer(PAGE, "br, gzip")
    assert gzip.decompress(small) == body == PAGE.body
    assert packed["content-encoding"] == "gzip"
    assert "content-encoding" not in plain
    assert packed["etag"] != plain["etag"], "other bytes, other tag"
    assert plain["vary"] == packed["vary"] == "accept-encoding"


def test_pictures_are_sent_as_they_are() -> None:
    status, headers, body = answer(PICTURE, "gzip")
    assert (status, body) == (200, PICTURE.body)
    assert "content-encoding" not in headers
    assert headers["cache-control"] == "public, max-age=0"


@pytest.mark.parametrize("encoding", ["", "gzip"])
def test_known_content_is_not_sent_again(encoding: str) -> None:
    _, first, _ = answer(PAGE, encoding)
    for tags in (first["etag"], f'"old", {first["etag"]}', f"W/{first['etag']}", "*"):
        status, headers, body = answer(PAGE, encoding, tags)
        assert (status, body) == (304, b"")
        assert headers["etag"] == first["etag"]
        assert "content-type" not in headers
    assert answer(PAGE, encoding, '"old"')[0] == 200


def test_pages_alone_carry_a_policy() -> None:
    assert answer(PAGE)[1]["content-security-policy"] == "default-src 'none'"
    assert "content-security-policy" not in answer(PICTURE)[1]
