"""The picture that a page names as its preview."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.runtime.outbound import Answer
from streaming.workers.news.thumbnails import picture_of


def page(body: str | bytes, content_type: str = "text/html; charset=utf-8") -> Answer:
    raw = body if isinstance(body, bytes) else body.encode()
    return Answer(200, {"content-type": content_type}, raw, "https://news.example.kr/section/1")


@pytest.mark.parametrize(
    ("body", "picture"),
    [
        ('<meta property="og:image" content="https://i.kr/a.jpg">', "https://i.kr/a.jpg"),
        ("<META content='https://i.kr/a.jpg' PROPERTY='OG:Image' />", "https://i.kr/a.jpg"),
        ('<meta name="twitter:image" content="https://i.kr/t.jpg">', "https://i.kr/t.jpg"),
        (
            '<meta name="twitter:image" content="https://i.kr/t.jpg">'
            '<meta property="og:image" content="https://i.kr/a.jpg">',
            "https://i.kr/a.jpg",
        ),
        ('<meta property="og:image" content="/i/a.jpg">', "https://news.example.kr/i/a.jpg"),
        ('<meta property="og:image" content="//cdn.kr/a.jpg">', "https://cdn.kr/a.jpg"),
        (
            '<meta property="og:image" content="https://i.kr/a.jpg?w=1&amp;h=2">',
            "https://i.kr/a.jpg?w=1&h=2",
        ),
        ('<meta property="og:image" content="javascript:alert(1)">', ""),
        ('<meta property="og:image" content="data:image/png;base64,AAAA">', ""),
        ('<meta property="og:image" content="">', ""),
        ('</head><body><meta property="og:image" content="https://i.kr/a.jpg">', ""),
        ('<!-- <meta property="og:image" content="https://i.kr/a.jpg"> -->', ""),
        ('<meta property="og:image" content="https://i.kr/half', ""),
        ("", ""),
    ],
)
def test_previews(body: str, picture: str) -> None:
    assert picture_of(page(body)) == picture


def test_a_page_in_another_encoding() -> None:
    body = '<title>환경</title><meta property="og:image" content="https://i.kr/a.jpg">'
    assert picture_of(page(body.encode("euc-kr"))) == "https://i.kr/a.jpg"


def test_what_is_no_page_names_nothing() -> None:
    body = '<meta property="og:image" content="https://i.kr/a.jpg">'
    assert picture_of(page(body, "application/pdf")) == ""


@given(st.binary(max_size=500))
def test_junk_does_no_harm(body: bytes) -> None:
    assert isinstance(picture_of(page(b"<meta " + body)), str)


@pytest.mark.parametrize("attack", ["<meta ", "<!--", "<![", "<a b=", "&#", "</"])
def test_hostile_pages_take_no_time(attack: str) -> None:
    began = time.process_time()
    picture_of(page((attack * 10_000)[:10_000]))
    assert time.process_time() - began < 1.0
