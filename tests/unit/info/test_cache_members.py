"""Members of a cached feed: ordered as the database orders, and an answer when put together."""

from __future__ import annotations

from eco2.info.v1 import info_service_pb2, news_pb2
from hypothesis import given
from hypothesis import strategies as st

from services.info.article import cursor_of
from services.info.cache import _bound, _response, member
from services.info.feed import ARTICLE_ID, LAST, START, Cursor, to_milliseconds


def article(when: int, article_id: str) -> news_pb2.Article:
    message = news_pb2.Article(id=article_id, title="제목", url="https://example.kr/")
    message.published_at.FromMilliseconds(when)
    return message


articles = st.builds(
    article,
    st.one_of(st.integers(0, 3), st.integers(0, to_milliseconds(LAST))),
    st.one_of(st.sampled_from(["a", "ab", "a_b", "B"]), st.from_regex(ARTICLE_ID, fullmatch=True)),
)


@given(st.lists(articles, max_size=30, unique_by=lambda one: one.id))
def test_members_sort_as_the_keyset_does(found: list[news_pb2.Article]) -> None:
    by_keyset = sorted(
        found, key=lambda one: (one.published_at.ToMilliseconds(), one.id.encode()), reverse=True
    )
    assert sorted(map(member, found), reverse=True) == [member(one) for one in by_keyset]


@given(st.lists(articles, min_size=1, max_size=30, unique_by=lambda one: one.id), st.integers(1, 9))
def test_pages_hold_every_article_once(found: list[news_pb2.Article], limit: int) -> None:
    """The range that the cursor's bound selects, as Redis would, page after page."""
    members = sorted(map(member, found), reverse=True)
    seen: list[str] = []
    after = START
    for _ in range(len(found) + 1):
        bound = _bound(after)
        below = members if bound == b"+" else [one for one in members if one < bound[1:]]
        page = _response(below[: limit + 1], limit, len(found), 60)
        seen += [one.id for one in page.articles]
        assert page.has_more == page.HasField("next_cursor") == (len(below) > limit)
        if not page.has_more:
            break
        after = Cursor.parse(page.next_cursor)
        assert after == cursor_of(page.articles[-1])
    assert len(seen) == len(found)
    assert set(seen) == {one.id for one in found}


def test_milliseconds_alone_leave_out_everything_of_that_millisecond() -> None:
    bound = _bound(Cursor(5))[1:]
    assert member(article(4, "z")) < bound <= member(article(5, "a"))


def test_an_empty_page_is_an_answer() -> None:
    page = _response([], 10, 0, 60)
    assert page == info_service_pb2.ListNewsResponse(
        meta=info_service_pb2.NewsMeta(cache_expires_in=60)
    )
