"""The token is what the exact cookie or the bearer header says, or the request is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.authz.credentials import (
    COOKIE_NAME,
    MAX_TOKEN_CHARACTERS,
    CredentialError,
    access_token,
    cookie_value,
)

TOKEN = "aaa.bbb.ccc"
WORD = st.text("abcdefghijklmnopqrstuvwxyz_-.%", max_size=12)


def test_cookie_goes_before_bearer() -> None:
    assert access_token(f"{COOKIE_NAME}={TOKEN}", "Bearer x.y.z") == TOKEN


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_bearer_scheme_is_case_insensitive(scheme: str) -> None:
    assert access_token(None, f"{scheme} {TOKEN}") == TOKEN


@pytest.mark.parametrize("header", [None, "", "Basic dTpw", "Bearer", TOKEN, f"Token {TOKEN}"])
def test_other_schemes_carry_no_token(header: str | None) -> None:
    assert access_token(None, header) is None


@pytest.mark.parametrize(
    "header",
    ["Bearer ", "Bearer a.b", "Bearer a.b.c.d", "Bearer a.b.c,Bearer a.b.c", "Bearer é.b.c"],
)
def test_what_can_be_no_token_is_refused(header: str) -> None:
    with pytest.raises(CredentialError):
        access_token(None, header)


def test_overlong_token_is_refused_before_it_is_parsed() -> None:
    with pytest.raises(CredentialError):
        access_token(None, f"Bearer {'a' * MAX_TOKEN_CHARACTERS}.b.c")


def test_empty_cookie_leaves_the_bearer() -> None:
    assert access_token(f"{COOKIE_NAME}=", f"Bearer {TOKEN}") == TOKEN


@given(st.lists(st.tuples(WORD, WORD), max_size=6), st.integers(0, 6))
def test_cookie_is_found_wherever_it_stands(others: list[tuple[str, str]], at: int) -> None:
    pairs = [(name, value) for name, value in others if name != COOKIE_NAME]
    pairs.insert(min(at, len(pairs)), (COOKIE_NAME, TOKEN))
    assert access_token("; ".join(f"{n}={v}" for n, v in pairs), None) == TOKEN


@given(WORD, WORD, WORD)
def test_only_the_exact_name_counts(before: str, after: str, value: str) -> None:
    name = f"{before}{COOKIE_NAME}{after}"
    if name != COOKIE_NAME:
        assert access_token(f"{name}={TOKEN}; {before}x={value}", None) is None


@given(WORD, WORD)
def test_two_different_values_are_refused(one: str, two: str) -> None:
    header = f"{COOKIE_NAME}={one}; a=b; {COOKIE_NAME}={two}"
    if one == two:
        assert cookie_value(header, COOKIE_NAME) == one
    else:
        with pytest.raises(CredentialError):
            cookie_value(header, COOKIE_NAME)


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ('s_access="a.b.c"', "a.b.c"),
        ('s_access="a.b.c', '"a.b.c'),
        ("s_access = a.b.c", "a.b.c"),
        ("s_access=a=b", "a=b"),
        ("s_access", None),
        ("", None),
    ],
)
def test_cookie_values(header: str, value: str | None) -> None:
    assert cookie_value(header, COOKIE_NAME) == value


@given(st.text(), st.none() | st.text())
def test_arbitrary_headers_yield_a_token_none_or_a_refusal(
    cookie: str, authorization: str | None
) -> None:
    try:
        token = access_token(cookie, authorization)
    except CredentialError:
        return
    assert token is None or token.count(".") == 2
