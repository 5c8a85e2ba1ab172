"""Two submissions are the same when every part of them is."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from services.runtime.fingerprint import fingerprint

payloads = st.tuples(*[st.text(max_size=6)] * 4)


@given(payloads, payloads)
def test_fingerprints_agree_exactly_when_the_payloads_do(
    one: tuple[str, str, str, str], other: tuple[str, str, str, str]
) -> None:
    assert (fingerprint(*one) == fingerprint(*other)) == (one == other)


def test_text_does_not_move_between_fields() -> None:
    assert fingerprint("a", "bc", "", "") != fingerprint("ab", "c", "", "")
    assert fingerprint("a", "", "b", "") != fingerprint("a", "b", "", "")
