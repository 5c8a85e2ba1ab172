"""Text of strangers becomes plain."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.workers.news.text import plain


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("&quot;<b>재활용</b>&quot; 늘었다", '"재활용" 늘었다'),
        ("&lt;b&gt;재활용&lt;/b&gt; &amp;amp; 분리배출", "재활용 & 분리배출"),
        ("<p>하나</p><p>둘<br/>셋</p>", "하나 둘 셋"),
        ("<script>alert('x')</script>글", "글"),
        ("<style>p{}</style><!-- 주석 -->글", "글"),
        ("<script>끝나지 않는", ""),
        ("<![CDATA[글]]>", "글"),
        ("가격 < 100 원 > 50 원", "가격 < 100 원 > 50 원"),
        ("한&nbsp;칸\n두\t칸\x00", "한 칸 두 칸"),
        ("&#x1F30D; 지구 &bogus;", "🌍 지구 &bogus;"),
        ("<img src=x onerror=alert(1)>글", "글"),
        ("", ""),
    ],
)
def test_what_is_shown(written: str, shown: str) -> None:
    assert plain(written, 100) == shown


def test_long_text_is_cut_with_an_ellipsis() -> None:
    assert plain("가" * 600, 500) == "가" * 499 + "…"
    assert plain("가" * 500, 500) == "가" * 500


@given(st.text(max_size=400), st.integers(1, 50))
def test_never_longer_never_with_control_characters(text: str, limit: int) -> None:
    shown = plain(text, limit)
    assert len(shown) <= limit
    assert shown.isprintable()


@pytest.mark.parametrize(
    "attack",
    ["<script " * 100_000, "<!--" * 200_000, "&lt;" * 200_000, "<" * 500_000, "<p" * 300_000],
)
def test_hostile_text_takes_no_time(attack: str) -> None:
    began = time.process_time()
    plain(attack, 500)
    assert time.process_time() - began < 1.0
