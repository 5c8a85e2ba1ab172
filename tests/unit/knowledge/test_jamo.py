from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.knowledge.jamo import BARRIER, NEAR, distance, find, letters

hangul = st.text(
    st.characters(min_codepoint=0xAC00, max_codepoint=0xD7A3) | st.sampled_from("AZ09% "),
    max_size=8,
)
words = hangul.filter(lambda text: bool(letters(text)))


@pytest.mark.parametrize(
    ("text", "apart"),
    [
        ("무색페트", "ㅁㅜㅅㅐㄱㅍㅔㅌㅡ"),
        ("유리", "ㅇㅠㄹㅣ"),
        ("비닐류 pp", "ㅂㅣㄴㅣㄹㄹㅠPP"),
        ("값", "ㄱㅏㅄ"),
        ("캔류\n철", "ㅋㅐㄴㄹㅠ\nㅊㅓㄹ"),
    ],
)
def test_blocks_come_apart_into_letters(text: str, apart: str) -> None:
    assert letters(text) == apart


@given(hangul)
def test_distance_to_itself_is_nothing(text: str) -> None:
    assert distance(text, text) == 0


@given(hangul, hangul)
def test_distance_is_symmetric_and_told_apart(a: str, b: str) -> None:
    assert distance(a, b) == distance(b, a)
    assert (distance(a, b) == 0) == (letters(a) == letters(b))


@given(hangul, hangul)
def test_distance_lies_between_the_difference_and_the_longer_length(a: str, b: str) -> None:
    one, other = len(letters(a)), len(letters(b))
    assert abs(one - other) <= distance(a, b) <= max(one, other)


@given(hangul, hangul, hangul)
def test_a_detour_never_costs_less_than_half(a: str, b: str, c: str) -> None:
    # NEAR pairs are not transitive, so the triangle inequality holds up to their price
    assert distance(a, c) <= (distance(a, b) + distance(b, c)) / NEAR


def test_a_letter_that_looks_alike_costs_half_of_another() -> None:
    assert distance("무색페트", "무섹페트") == NEAR
    assert distance("무색페트", "무속페트") == 1
    assert distance("무색페트", "무색페") == 2


@given(words, words, words)
def test_a_term_is_found_where_it_stands(before: str, term: str, after: str) -> None:
    text = letters(before + term + after)
    cost, start, end = find(letters(term), text)
    assert cost == 0
    assert text[start:end] == letters(term)


@given(words, words)
def test_the_span_found_costs_what_is_said(term: str, text: str) -> None:
    cost, start, end = find(letters(term), letters(text))
    assert 0 <= start <= end <= len(letters(text))
    assert cost <= len(letters(term))
    assert cost <= distance(term, text)


@given(words, words)
def test_no_match_reaches_across_a_line_break(first: str, second: str) -> None:
    text = letters(first) + BARRIER + letters(second)
    _, start, end = find(letters(first + second), text)
    assert BARRIER not in text[start:end]
