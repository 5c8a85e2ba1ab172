"""Texts as users write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.chat.text import is_blank, preview, storable


@pytest.mark.parametrize("text", ["", " ", "\t\r\n", "　", "\u200b\u200d\ufeff", "\0", "\u202e "])
def test_nothing_to_see_is_blank(text: str) -> None:
    assert is_blank(text)


@pytest.mark.parametrize("text", ["?", "♻️", "👨‍👩‍👧", "가", "\u200b.", "ㅤ가"])
def test_anything_to_see_is_not(text: str) -> None:
    assert not is_blank(text)


@given(st.text())
def test_text_is_kept_but_for_nul(text: str) -> None:
    assert storable(text) == "".join(c for c in text if c != "\0")


@given(st.text(max_size=300))
def test_preview_is_a_beginning(text: str) -> None:
    assert text.startswith(preview(text))
    assert len(preview(text)) == min(100, len(text))
