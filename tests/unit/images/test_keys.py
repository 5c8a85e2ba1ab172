"""What is, and what is not, the URL of an image of ours."""

from __future__ import annotations

import uuid
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.images.keys import (
    CHANNELS,
    ForeignUrlError,
    ImageKey,
    extension_of,
    key_of_url,
    url_of,
)

BASE = "https://images.example.org/cdn"
HEX = "0123456789abcdef" * 2
GOOD = f"{BASE}/scan/{HEX}.jpg"

keys = st.builds(
    ImageKey.new,
    st.sampled_from(CHANNELS),
    st.text(max_size=40),
    st.uuids(),
)


@given(keys)
def test_every_key_made_is_read_back_from_its_text_and_its_url(key: ImageKey) -> None:
    assert ImageKey.parse(str(key)) == key
    for base in (BASE, BASE + "/", "http://localhost:8080/images"):
        assert key_of_url(url_of(key, base), base) == key


@pytest.mark.parametrize(
    ("filename", "extension"),
    [
        ("image_1700000000000.png", "png"),
        ("사진.JPG", "jpg"),
        ("a.tar.gz", "gz"),
        ("C:\\photos\\a.WebP", "webp"),
        ("../../etc/passwd", "bin"),
        ("photo", "bin"),
        (".png", "bin"),
        ("photo.", "bin"),
        ("photo.j pg", "bin"),
        ("photo.jpg\0", "bin"),
        ("photo.사진", "bin"),
        ("photo." + "x" * 11, "bin"),
    ],
)
def test_extension_is_lower_case_letters_and_digits_or_bin(filename: str, extension: str) -> None:
    assert extension_of(filename) == extension


TRICKS = [
    "",
    "scan",
    f"/scan/{HEX}.jpg",
    f"//images.example.org/cdn/scan/{HEX}.jpg",
    GOOD.replace("https", "http"),
    GOOD.replace("https", "HTTPS"),
    GOOD.replace("images.example.org", "images.example.org:443"),
    GOOD.replace("images.example.org", "images.example.org."),
    GOOD.replace("images.example.org", "IMAGES.example.org"),
    GOOD.replace("images.example.org", "images.example.org@evil.example"),
    GOOD.replace("images.example.org", "user:pw@images.example.org"),
    GOOD.replace("images.example.org", "images.example.org\\@evil.example"),
    GOOD.replace("images.example.org", "images.example.org%2eevil.example"),
    GOOD.replace("images.example.org", "evil.example#images.example.org"),
    GOOD.replace("images.example.org", "127.0.0.1"),
    GOOD.replace("images.example.org", "[::1]"),
    GOOD.replace("images.example.org", "[::1"),
    GOOD.replace("images.example.org", "2130706433"),
    GOOD.replace("images.example.org", "ⓘmages.example.org"),
    GOOD.replace("/cdn/", "/"),
    GOOD.replace("/cdn/", "/cdn//"),
    GOOD.replace("/cdn/", "/cdn/../"),
    GOOD.replace("/cdn/", "/cdn/%2e%2e/"),
    GOOD.replace("/scan/", "/scan/../my/"),
    GOOD.replace("/scan/", "/scan%2f"),
    GOOD.replace("/scan/", "/Secret/"),
    GOOD.replace("/scan/", "/SCAN/"),
    GOOD.replace(HEX, HEX.upper()),
    GOOD.replace(HEX, HEX[:-1]),
    GOOD.replace(HEX, HEX + "0"),
    GOOD.replace(HEX, "%30" + HEX[1:]),
    GOOD.replace(HEX, "١" + HEX[1:]),
    GOOD.replace(".jpg", ""),
    GOOD.replace(".jpg", "."),
    GOOD.replace(".jpg", ".jp g"),
    GOOD.replace(".jpg", ".jpg.exe"),
    GOOD + "?x=1",
    GOOD + "#x",
    GOOD + "/",
    GOOD + "\n",
    GOOD + "\0",
    GOOD + " ",
    " " + GOOD,
    "\t" + GOOD,
    GOOD + ";a=b",
]


@pytest.mark.parametrize("url", TRICKS)
def test_anything_but_the_one_spelling_is_foreign(url: str) -> None:
    with pytest.raises(ForeignUrlError):
        key_of_url(url, BASE)


@given(st.data())
def test_one_changed_character_never_leads_elsewhere(data: st.DataObject) -> None:
    """Whatever is accepted after a change names the same host, and a key in the URL's own text."""
    position = data.draw(st.integers(0, len(GOOD)))
    removed = data.draw(st.integers(0, 3))
    inserted = data.draw(
        st.one_of(
            st.text(max_size=3),
            st.sampled_from(
                ["@", "\\", "//", "..", "%2f", "%00", ":80", "#", "?", "\r\n", "．", "。"]
            ),
        )
    )
    url = GOOD[:position] + inserted + GOOD[position + removed :]
    try:
        key = key_of_url(url, BASE)
    except ForeignUrlError:
        return
    assert url == f"{BASE}/{key}"
    parts = urlsplit(url)
    assert (parts.scheme, parts.netloc, parts.query, parts.fragment) == (
        "https",
        "images.example.org",
        "",
        "",
    )


@given(st.text(max_size=300))
def test_any_text_is_judged_without_a_fault(url: str) -> None:
    with pytest.raises(ForeignUrlError) as refused:
        key_of_url(url, BASE)
    assert len(refused.value.host) <= 253


def test_host_of_a_foreign_url_is_reported() -> None:
    with pytest.raises(ForeignUrlError) as refused:
        key_of_url("http://user@169.254.169.254:80/latest", BASE)
    assert refused.value.host == "169.254.169.254"


def test_keys_are_unguessable_names_under_their_channel() -> None:
    key = ImageKey.new("my", "me.png", uuid.UUID(hex=HEX))
    assert str(key) == f"my/{HEX}.png"
