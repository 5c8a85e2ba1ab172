"""Feeds are read to plain data, or refused with a reason."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streaming.workers.news.feed_reader import parse
from streaming.workers.news.feeds import FeedError, articles_of, read

NOW = datetime(2026, 3, 1, tzinfo=UTC)
BASE = "https://feeds.example.kr/rss.xml"

RSS = """<?xml version="1.0" encoding="{encoding}"?>
<rss version="2.0" xmlns:media="http://search.yahoo.com/mrss/"><channel>
<title>환경 소식</title><image><url>/icon.png</url></image>
<item><title>&lt;b&gt;재활용&lt;/b&gt; 확대</title><link>/news/1?utm_source=rss</link>
<description><![CDATA[<p>폐기물을 <b>줄인다</b></p><script>x()</script>]]></description>
<pubDate>Sun, 01 Feb 2026 09:00:00 +0900</pubDate><category>정책</category>
<media:thumbnail url="https://img.example.kr/1.jpg"/></item>
<item><title>둘</title><link>https://other.example.kr/2</link>
<enclosure url="https://img.example.kr/2.png" type="image/png" length="1"/>
<enclosure url="https://img.example.kr/2.mp4" type="video/mp4" length="1"/></item>
<item><description>no title</description><link>https://other.example.kr/3</link></item>
</channel></rss>"""
ATOM = """<feed xmlns="http://www.w3.org/2005/Atom"><title>Atom</title>
<entry><title>Solar</title><link href="https://example.com/solar"/>
<updated>2026-02-01T00:00:00Z</updated><summary>renewable</summary></entry></feed>"""
BOMB = """<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY a "lol">{more}]>
<rss version="2.0"><channel><title>&j;</title></channel></rss>""".format(
    more="".join(
        f'<!ENTITY {name} "{f"&{before};" * 10}">'
        for before, name in zip("abcdefghi", "bcdefghij", strict=True)
    )
)


@pytest.mark.parametrize("encoding", ["utf-8", "euc-kr", "utf-16"])
def test_rss_in_the_encodings_of_korea(encoding: str) -> None:
    content = parse(RSS.format(encoding=encoding).encode(encoding), "application/rss+xml", 30)
    one, two = articles_of(content, BASE, NOW)
    assert (one.title, one.snippet) == ("재활용 확대", "폐기물을 줄인다")
    assert one.url == "https://feeds.example.kr/news/1"
    assert one.published_at == datetime(2026, 2, 1, tzinfo=UTC)
    assert (one.source, one.source_name, one.category) == ("rss", "환경 소식", "environment")
    assert (one.keywords, one.thumbnail_url) == (("정책",), "https://img.example.kr/1.jpg")
    assert one.source_icon_url == "https://feeds.example.kr/icon.png"
    assert (two.thumbnail_url, two.video_url) == (
        "https://img.example.kr/2.png",
        "https://img.example.kr/2.mp4",
    )
    assert two.published_at == NOW


def test_atom() -> None:
    (article,) = articles_of(parse(ATOM.encode(), "", 30), BASE, NOW)
    assert (article.title, article.category) == ("Solar", "energy")
    assert article.published_at == datetime(2026, 2, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("feed", "reason"),
    [
        (BOMB.encode(), "entities"),
        (BOMB.encode("utf-16"), "malformed"),  # text/xml without a charset is ASCII (RFC 3023)
        (BOMB.replace("<!ENTITY", "<!entity").encode(), "entities"),
        (
            b'<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]><rss><channel>&x;</channel></rss>',
            "entities",
        ),
        (b"", "not_a_feed"),
        (b"/etc/passwd", "not_a_feed"),
        (b"http://127.0.0.1/", "not_a_feed"),
        (b"{}", "not_a_feed"),
        (b"<html><body>hello</body></html>", "not_a_feed"),
        (b"\x89PNG\r\n\x1a\n" + bytes(1000), "not_a_feed"),
        (b"<rss><channel><item", "malformed"),
        ("<?xml version='1.0'?>".encode("cp037"), "not_a_feed"),
    ],
)
def test_what_is_no_feed_is_refused_with_a_reason(feed: bytes, reason: str) -> None:
    assert parse(feed, "text/xml", 30)["refused"] == reason


@pytest.mark.parametrize(
    ("encoding", "hidden"),
    [
        ("utf-16", "<!"),
        *((name, "+ADwAIQ-") for name in ("utf-7", "UTF7", "u7", "utf 7", "unicode-1-1-utf-7")),
        ("unicode_escape", r"\x3c!"),
        ("raw-unicode-escape", r"\u003c!"),
    ],
)
def test_no_encoding_hides_a_declaration_of_entities(encoding: str, hidden: str) -> None:
    bomb = BOMB.replace("<!", hidden)
    written = "utf-16" if encoding == "utf-16" else "ascii"
    sent = bomb.encode(written)
    assert parse(sent, f"text/xml; charset={encoding}", 30)["refused"] == "entities"
    named = bomb.replace("?>", f' encoding="{encoding}"?>', 1).encode(written)
    assert parse(named, "application/xml", 30)["refused"] == "entities"


@pytest.mark.parametrize("encoding", ["idna", "undefined", "punycode", "rot13", "a\0b", "가"])
def test_encodings_that_are_none_are_answered(encoding: str) -> None:
    feed = ATOM.encode()
    answer = parse(feed, f"application/xml; charset={encoding}", 30)
    assert answer.get("refused") == "malformed" or answer["title"] == "Atom"


def test_an_unfinished_feed_gives_what_it_has() -> None:
    whole = RSS.format(encoding="utf-8")
    cut = whole[: whole.index("<item><title>둘")] + "<item><title>반"
    assert parse(cut.encode(), "text/xml", 30)["entries"][0]["link"] == "/news/1?utm_source=rss"


def test_entries_and_texts_are_bounded() -> None:
    item = f"<item><title>{'가' * 5000}</title><description>{'나' * 50_000}</description></item>"
    feed = f"<rss version='2.0'><channel>{item * 10}</channel></rss>"
    entries = parse(feed.encode(), "text/xml", 3)["entries"]
    assert len(entries) == 3
    assert len(entries[0]["title"]) <= 2_100
    assert len(entries[0]["text"]) <= 20_000


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=300).map(lambda junk: b"<rss><channel>" + junk))
def test_junk_is_answered(junk: bytes) -> None:
    assert parse(junk, "text/xml; charset=nonsense", 30).keys() & {"refused", "entries"}


async def test_the_reader_is_a_process_of_its_own() -> None:
    content = await read(RSS.format(encoding="utf-8").encode(), "text/xml", 1)
    assert [entry["link"] for entry in content["entries"]] == ["/news/1?utm_source=rss"]
    with pytest.raises(FeedError) as refusal:
        await read(BOMB.encode(), "text/xml", 1)
    assert refusal.value.reason == "entities"


async def test_a_feed_that_keeps_its_reader_busy_is_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("streaming.workers.news.feeds.READER_SECONDS", 0.05)
    began = time.perf_counter()
    with pytest.raises(FeedError) as refusal:
        await read(RSS.format(encoding="utf-8").encode(), "text/xml", 1)
    assert refusal.value.reason == "too_slow"
    assert time.perf_counter() - began < 10.0


async def test_a_deeply_nested_feed_costs_little() -> None:
    nested = b"<rss version='2.0'><channel>" + b"<a>" * 100_000
    began = time.perf_counter()
    with pytest.raises(FeedError) as refusal:
        await read(nested, "text/xml", 30)
    assert refusal.value.reason in {"malformed", "not_a_feed", "too_much", "too_slow"}
    assert time.perf_counter() - began < 30.0
