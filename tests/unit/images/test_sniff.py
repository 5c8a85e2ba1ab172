"""The type of an image is told by its bytes."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from services.images.sniff import ENOUGH_BYTES, content_type_of
from services.runtime.objectstore import SNIFF_BYTES

FORMATS = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp", "GIF": "image/gif"}


def encoded(name: str) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (3, 2), "green").save(buffer, name)
    return buffer.getvalue()


@pytest.mark.parametrize(("name", "content_type"), FORMATS.items())
def test_real_images_are_recognised_by_what_is_read_of_them(name: str, content_type: str) -> None:
    data = encoded(name)
    assert content_type_of(data[:SNIFF_BYTES]) == content_type
    assert content_type_of(data[:ENOUGH_BYTES]) == content_type


@pytest.mark.parametrize("name", FORMATS)
def test_header_cut_off_after_its_magic_number_is_not_enough(name: str) -> None:
    data = encoded(name)
    for length in (0, 1, 2, 3, 4, 5):
        assert content_type_of(data[:length]) is None
    magic = {"JPEG": 5, "PNG": 16, "WEBP": 15, "GIF": 12}[name]
    assert content_type_of(data[:magic]) is None


@pytest.mark.parametrize(
    "data",
    [
        b"%PDF-1.7 and so on, long enough to be anything",
        b"<svg xmlns='http://www.w3.org/2000/svg'></svg>",
        b"<!doctype html><script>alert(1)</script>      ",
        b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic",
        b"BM" + bytes(60),
        b"PK\x03\x04" + bytes(60),
        b"RIFF\x00\x00\x00\x00WAVEfmt " + bytes(40),
        b"RIFF\x00\x00\x00\x00WEBPJUNK" + bytes(40),
        b"\x89PNG\r\n\x1a\n" + bytes(56),
        b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(40),
        b"\xff\xd8\xff\x00" + bytes(60),
        b"GIF88a" + bytes(58),
    ],
)
def test_others_and_forgeries_are_not_images(data: bytes) -> None:
    assert content_type_of(data) is None


@given(st.binary(max_size=64))
def test_only_the_four_types_are_ever_named(data: bytes) -> None:
    assert content_type_of(data) in {None, *FORMATS.values()}
