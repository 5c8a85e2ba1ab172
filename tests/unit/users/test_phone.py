from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.users.phone import formatted


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("01012345678", "010-1234-5678"),
        ("010-1234-5678", "010-1234-5678"),
        ("010 1234 5678", "010-1234-5678"),
        ("+82 10-1234-5678", "010-1234-5678"),
        ("821012345678", "010-1234-5678"),
        ("+82-11-234-5678", "011-234-5678"),
        ("0112345678", "011-234-5678"),
        ("(016) 234.5678", "016-234-5678"),
    ],
)
def test_korean_mobile_numbers_are_kept_in_one_spelling(typed: str, kept: str) -> None:
    assert formatted(typed) == kept


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "hello world",
        "0212345678",  # a landline
        "01112345678",  # eleven digits are for 010
        "8210123456",  # the country code needs eleven digits
        "+1 202 555 0143",
        "010-1234-56",
        "010-1234-56789",
        "０１０-１２３４-５６７８",  # digits of other scripts are none
        "٠١٠١٢٣٤٥٦٧٨",
    ],
)
def test_anything_else_is_refused(typed: str) -> None:
    with pytest.raises(ValueError, match="mobile"):
        formatted(typed)


@given(st.text(max_size=20))
def test_what_is_accepted_is_formatted_and_stays_as_it_is(text: str) -> None:
    try:
        kept = formatted(text)
    except ValueError:
        return
    assert re.fullmatch(r"010-\d{4}-\d{4}|01\d-\d{3}-\d{4}", kept)
    assert formatted(kept) == kept


@given(st.from_regex(r"10[0-9]{8}", fullmatch=True), st.sampled_from(["0", "82", "+82 "]))
def test_country_code_and_leading_zero_mean_the_same(rest: str, prefix: str) -> None:
    assert formatted(prefix + rest) == formatted("0" + rest)
