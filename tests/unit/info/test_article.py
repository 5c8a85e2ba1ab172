"""Articles of collectors are made fit to keep, or refused by field."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from eco2.info.v1 import news_pb2 as pb

from services.info.article import UnusableArticleError, collected

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def brought(**changes: Any) -> pb.CollectedArticle:
    fields: dict[str, Any] = {
        "id": "rss_0123456789ab",
        "url": "https://example.kr/a?utm_source=x",
        "title": "제목",
        "source": "rss",
        "category": "ai",
        **changes,
    }
    message = pb.CollectedArticle(**fields)
    message.published_at.FromDatetime(datetime(2026, 2, 1))
    return message


def test_the_address_is_kept_without_tracking() -> None:
    assert collected(brought(), NOW).url == "https://example.kr/a"


def test_text_is_one_line_without_control_characters() -> None:
    article = collected(
        brought(title=" 재활용\x00\n소식\u200b ", snippet="a\tb", keywords=["a\nb", " "]), NOW
    )
    assert (article.title, article.snippet) == ("재활용 소식", "a b")
    assert article.keywords == ["a b"]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"id": "rss 1"}, "id"),
        ({"id": "기사"}, "id"),
        ({"url": "javascript:alert(1)"}, "url"),
        ({"url": "https://"}, "url"),
        ({"title": " \x00\n"}, "title"),
    ],
)
def test_what_cannot_be_kept_is_refused_by_field(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(UnusableArticleError) as refusal:
        collected(brought(**changes), NOW)
    assert refusal.value.field == field


def test_a_time_out_of_range_is_refused() -> None:
    message = brought()
    message.published_at.seconds = 10**15
    with pytest.raises(UnusableArticleError, match="published_at"):
        collected(message, NOW)


def test_addresses_that_no_browser_should_load_are_left_out() -> None:
    article = collected(
        brought(
            thumbnail_url="javascript:alert(1)", video_url="/v", source_icon_url="data:image/png,x"
        ),
        NOW,
    )
    assert (article.thumbnail_url, article.video_url, article.source_icon_url) == (None,) * 3
