"""Two addresses of one page are told to be, two pages never."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.runtime.web_address import MAX_CHARACTERS, canonical, same_page_key

PAGE = "https://www.example.kr/news/view?id=7&page=2"


@pytest.mark.parametrize(
    "url",
    [
        PAGE,
        "http://example.kr/news/view?page=2&id=7",
        "HTTPS://WWW.EXAMPLE.KR:443/news/view?id=7&page=2",
        PAGE + "#comments",
        PAGE + "&utm_source=naver&utm_medium=search",
        PAGE + "&UTM_Campaign=x&fbclid=abc&gclid=1",
        "https://www.example.kr/news/view/?id=7&page=2",
        "https://user:secret@www.example.kr/news/view?id=7&page=2",
        f"  {PAGE}  ",
    ],
)
def test_the_same_page(url: str) -> None:
    assert same_page_key(url) == same_page_key(PAGE)
    assert "secret" not in canonical(url)


@pytest.mark.parametrize(
    "url",
    [
        "https://www.example.kr/news/view?id=8&page=2",
        "https://www.example.kr/news/view?id=7",
        "https://www.example.kr/news/View?id=7&page=2",
        "https://m.example.kr/news/view?id=7&page=2",
        "https://www.example.kr:8443/news/view?id=7&page=2",
    ],
)
def test_another_page(url: str) -> None:
    assert same_page_key(url) != same_page_key(PAGE)


def test_naver_sections_are_the_same_article() -> None:
    article = "https://n.news.naver.com/mnews/article/001/0014000001"
    assert same_page_key(article + "?sid=102") == same_page_key(article + "?sid=105&rc=N")
    assert same_page_key("https://example.kr/a?sid=1") != same_page_key(
        "https://example.kr/a?sid=2"
    )


def test_encodings_are_kept_and_written_one_way() -> None:
    korean = "https://example.kr/기사?q=환경"
    assert canonical(korean) == ("https://example.kr/%EA%B8%B0%EC%82%AC?q=%ED%99%98%EA%B2%BD")
    assert canonical("https://example.kr/a%2fb?x=%c8%af") == "https://example.kr/a%2Fb?x=%C8%AF"
    assert canonical("https://한국.kr/") == "https://xn--3e0b707e.kr/"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "javascript:alert(1)",
        "data:text/html,x",
        "ftp://example.kr/a",
        "//example.kr/a",
        "/a",
        "https://",
        "https://exa mple.kr/",
        "https://example.kr/a\nb",
        "https://example.kr:99999/",
        "https://example.kr:x/",
        "https://[::1/",
        "https://" + "가" * 80 + ".kr/",
        "https://example.kr/" + "a" * MAX_CHARACTERS,
    ],
)
def test_what_is_no_web_address_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        canonical(url)


@given(st.text(max_size=60).map(lambda tail: f"https://example.kr/{tail}"))
def test_canonical_is_settled(url: str) -> None:
    try:
        once = canonical(url)
    except ValueError:
        return
    assert canonical(once) == once
    assert same_page_key(once) == same_page_key(url)
