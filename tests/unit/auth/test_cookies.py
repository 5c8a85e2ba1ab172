from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.auth.cookies import cleared_cookies, session_cookies, values
from services.auth.sessions import Issued
from services.auth.visitor import AmbiguousTokenError, Headers

NOW = datetime(2026, 1, 2, 3, 4, 5, 900_000, UTC)
ISSUED = Issued("sid", "a.b.c", "d.e.f", NOW.replace(microsecond=0) + timedelta(seconds=60), NOW)


def test_cookies_are_written_as_the_app_expects_them() -> None:
    assert session_cookies(ISSUED, NOW, ".dev.growbin.app") == [
        "s_access=a.b.c; Max-Age=60; Path=/; Domain=.dev.growbin.app; Secure; HttpOnly; "
        "SameSite=Lax",
        "s_refresh=d.e.f; Max-Age=1; Path=/; Domain=.dev.growbin.app; Secure; HttpOnly; "
        "SameSite=Lax",
    ]


def test_cleared_cookies_name_the_same_place() -> None:
    assert cleared_cookies() == [
        "s_access=; Max-Age=0; Path=/; Secure; SameSite=Lax",
        "s_refresh=; Max-Age=0; Path=/; Secure; SameSite=Lax",
    ]
    assert all("Domain=.x.example" in line for line in cleared_cookies(".x.example"))


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ("s_refresh=a", ["a"]),
        ("theme=dark;s_refresh=a ; x=1", ["a"]),
        ('s_refresh="a"', ["a"]),
        ("s_refresh=a; s_refresh=a", ["a"]),
        ("s_refresh=a; s_refresh=b", ["a", "b"]),
        ("s_refresh=a=b", ["a=b"]),
        ("s_refresh=; s_refresh=b", ["b"]),
        ("xs_refresh=a", []),
        ("s_refreshx=a", []),
        ("S_REFRESH=a", []),
        ("x=s_refresh=a", []),
        ('x="; s_refresh=a', ["a"]),
        ("s_refresh", []),
        ("", []),
        ("$Version=1; ;;=;", []),
    ],
)
def test_only_a_cookie_of_exactly_the_name_counts(header: str, found: list[str]) -> None:
    assert values(header, "s_refresh") == found


@given(st.text(max_size=60), st.text(alphabet="abcXYZ019-_.", min_size=1, max_size=20))
def test_a_token_is_found_whatever_stands_before_it(before: str, token: str) -> None:
    found = values(f"{before}; s_refresh={token}", "s_refresh")
    assert found[-1] == token or token in found
    assert all("s_refresh" in before for _ in found[:-1])


def test_http2_may_send_cookies_in_several_fields() -> None:
    headers = Headers((("cookie", "s_access=a"), ("cookie", "s_refresh=b")))
    assert headers.refresh_token() == "b"
    assert headers.any_tokens() == ["b", "a"]


def test_two_refresh_cookies_are_one_too_many() -> None:
    headers = Headers((("cookie", "s_refresh=a; s_refresh=b"), ("authorization", "Bearer c")))
    with pytest.raises(AmbiguousTokenError):
        headers.refresh_token()
    assert headers.any_tokens() == ["a", "b", "c"]


def test_no_more_than_a_few_tokens_are_looked_at() -> None:
    crowd = "; ".join(f"s_refresh={number}" for number in range(1000))
    assert len(Headers((("cookie", crowd),)).any_tokens()) == 4
