"""Answers of Naver and NewsData become articles, however odd they are."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from services.runtime.settings import Profile
from streaming.workers.news import search_apis
from streaming.workers.news.article import Found, found, merged
from streaming.workers.news.search_apis import read_naver, read_newsdata
from streaming.workers.news.settings import NewsSettings

NOW = datetime(2026, 3, 1, tzinfo=UTC)

NAVER = {
    "title": "&quot;<b>재활용</b>&quot; 시설 준공",
    "originallink": "https://www.example.kr/news/1?utm_source=naver",
    "link": "https://n.news.naver.com/mnews/article/001/1?sid=102",
    "description": "<b>폐기물</b>을 줄인다",
    "pubDate": "Sun, 01 Feb 2026 09:00:00 +0900",
}
NEWSDATA = {
    "article_id": "b3f1c2d4e5",
    "title": "Recycling grows",
    "link": "https://example.com/a",
    "keywords": ["recycling", None, 3, "waste"],
    "description": None,
    "pubDate": "2026-02-01 07:50:00",
    "image_url": "https://img.example.com/a.jpg",
    "source_id": "example",
    "source_name": "Example Times",
    "source_icon": "https://example.com/icon.png",
    "category": ["top", "environment"],
    "ai_tag": "ONLY AVAILABLE IN PROFESSIONAL AND CORPORATE PLANS",
}


def test_an_article_of_naver() -> None:
    (article,) = read_naver({"items": [NAVER]}, NOW, 30)
    url = "https://www.example.kr/news/1"
    digest = hashlib.md5(url.encode(), usedforsecurity=False).hexdigest()[:12]
    assert article == Found(
        source="naver",
        id=f"naver_{digest}",
        url=url,
        title='"재활용" 시설 준공',
        snippet="폐기물을 줄인다",
        source_name="example.kr",
        published_at=datetime(2026, 2, 1, tzinfo=UTC),
        category="environment",
    )


def test_an_article_of_newsdata() -> None:
    (article,) = read_newsdata({"results": [NEWSDATA]}, NOW, 30)
    assert (article.id, article.source_name) == ("b3f1c2d4e5", "Example Times")
    assert article.published_at == datetime(2026, 2, 1, 7, 50, tzinfo=UTC)
    assert (article.category, article.ai_tag) == ("environment", "")
    assert article.keywords == ("recycling", "waste")
    assert article.thumbnail_url == "https://img.example.com/a.jpg"


def test_an_id_that_no_cursor_can_carry_is_made_anew() -> None:
    (article,) = read_newsdata({"results": [{**NEWSDATA, "article_id": "a b/c"}]}, NOW, 30)
    assert article.id.startswith("newsdata_")
    assert len(article.id) == len("newsdata_") + 12


@pytest.mark.parametrize(
    "changes",
    [
        {"title": None},
        {"title": "<b></b>"},
        {"originallink": "javascript:alert(1)", "link": ""},
        {"originallink": None, "link": None},
        {"originallink": "https://[", "link": "https://["},
    ],
)
def test_what_is_no_article_is_skipped(changes: dict[str, Any]) -> None:
    items = [{**NAVER, **changes}, None, 7, "x", NAVER]
    assert len(list(read_naver({"items": items}, NOW, 30))) == 1


@pytest.mark.parametrize("date", ["", "yesterday", "Sun, 99 Feb 2026 09:00:00 +0900", None, 7])
def test_an_article_without_a_date_is_dated_now(date: Any) -> None:
    (article,) = read_naver({"items": [{**NAVER, "pubDate": date}]}, NOW, 30)
    assert article.published_at == NOW


def test_an_article_from_the_future_is_dated_now() -> None:
    (article,) = read_naver(
        {"items": [{**NAVER, "pubDate": "Sun, 01 Feb 2099 09:00:00 +0900"}]}, NOW, 30
    )
    assert article.published_at == NOW


@pytest.mark.parametrize("answer", [None, [], 7, {}, {"items": None}, {"results": "x"}])
def test_another_shape_is_an_error_that_can_be_told(answer: Any) -> None:
    with pytest.raises(ValueError, match="no list"):
        list(read_naver(answer, NOW, 30))
    with pytest.raises(ValueError, match="no list"):
        list(read_newsdata(answer, NOW, 30))


json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=10,
)


@given(st.dictionaries(st.sampled_from(sorted(NEWSDATA)), json))
def test_odd_values_do_no_harm(item: dict[str, Any]) -> None:
    for article in read_newsdata({"results": [{**NEWSDATA, **item}]}, NOW, 30):
        article.message().SerializeToString()


def test_no_more_than_asked_for() -> None:
    items = [{**NAVER, "originallink": f"https://example.kr/{n}"} for n in range(100)]
    assert len(list(read_naver({"items": items}, NOW, 30))) == 30


def article(url: str, **more: Any) -> Found:
    return found(
        source="rss",
        url=url,
        title="t",
        text="",
        source_name="s",
        published_at=None,
        now=NOW,
        **more,
    )


def test_a_page_found_twice_is_one_article_with_the_picture() -> None:
    twice = [
        article("https://www.example.kr/a?x=1&y=2"),
        article("https://example.kr/b"),
        article("http://example.kr/a/?y=2&x=1&utm_source=q", thumbnail_url="https://i.kr/a.jpg"),
    ]
    one, two = merged(twice)
    assert (one.url, one.thumbnail_url) == (twice[0].url, "https://i.kr/a.jpg")
    assert two is twice[1]


# -- settings -------------------------------------------------------------------------------------


def test_keys_are_not_shown() -> None:
    settings = NewsSettings(
        naver_client_id=SecretStr("id-1234"),
        naver_client_secret=SecretStr("secret-1234"),
        newsdata_api_key=SecretStr("pub_1234"),
    )
    assert "1234" not in repr(settings)
    assert "1234" not in str(search_apis.naver(settings).ask("q"))
    assert "1234" not in str(search_apis.newsdata(settings).ask("q"))


def test_sources_without_keys_rest() -> None:
    assert not search_apis.naver(NewsSettings(naver_client_id=SecretStr("only the id"))).configured
    assert not search_apis.newsdata(NewsSettings()).configured
    assert search_apis.newsdata(NewsSettings(newsdata_api_key=SecretStr("k"))).configured


def test_keys_are_not_shown_by_a_start_that_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ECO2_NEWSDATA_API_KEY", "pub_1234")
    monkeypatch.setenv("ECO2_NEWS_ALLOWED_NETWORKS", "127.0.0.0/8")
    with pytest.raises(ValidationError) as failure:
        NewsSettings()
    assert "1234" not in str(failure.value)


@pytest.mark.parametrize("profile", [Profile.PRODUCTION, Profile.LOCAL])
def test_private_networks_are_for_tests(profile: Profile) -> None:
    with pytest.raises(ValidationError, match="for tests"):
        NewsSettings(profile=profile, news_allowed_networks=("127.0.0.0/8",))
    with pytest.raises(ValidationError, match="network"):
        NewsSettings(profile=Profile.TEST, news_allowed_networks=("everything",))


def test_lists_come_as_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ECO2_NEWS_FEEDS", "https://a.kr/rss, https://b.kr/atom,")
    assert NewsSettings().news_feeds == ("https://a.kr/rss", "https://b.kr/atom")
