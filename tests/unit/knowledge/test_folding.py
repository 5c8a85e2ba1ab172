from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.knowledge import Knowledge, load
from streaming.knowledge.folding import Folder
from tests.unit.knowledge import listed

fold = load().fold
syllables = st.characters(min_codepoint=0xAC00, max_codepoint=0xD7A3)
letters = st.one_of(
    syllables, st.sampled_from("abcXYZ019"), st.sampled_from("펫페트패병1회용pet쥬데")
)
signs = st.sampled_from([" ", "  ", "·", "/", "(", ")", "[", "]", "-", ",", ".", "\t", "「", "」"])


@given(st.text())
def test_folding_twice_changes_nothing(text: str) -> None:
    once = fold(text)
    assert fold(once) == once


@given(st.text(alphabet=letters), st.lists(signs), st.randoms())
def test_spaces_brackets_and_signs_do_not_matter(
    text: str, put_in: list[str], chance: random.Random
) -> None:
    dressed = list(text)
    for sign in put_in:
        dressed.insert(chance.randint(0, len(dressed)), sign)
    assert fold("".join(dressed)) == fold(text)


@given(st.text(alphabet=letters))
def test_case_and_width_do_not_matter(text: str) -> None:
    wide = "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text)
    assert fold(text.upper()) == fold(text.lower()) == fold(wide)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1회용 비닐봉투", "일회용비닐봉투"),
        ("PET병", "페트병"),
        ("CD/DVD", "CD · DVD"),
        ("베게", "베개"),
        ("오렌지쥬스", "오렌지 주스"),
        ("조개껍데기", "조개껍질"),
        ("후라이팬", "프라이팬"),
        ("LED평판형(배출불가)", "led 평판형 [배출 불가]"),
    ],
)
def test_spellings_of_one_word_are_equal(one: str, other: str) -> None:
    assert fold(one) == fold(other)


def test_no_two_listed_names_of_a_class_fold_to_the_same_unless_they_are_one_thing(
    knowledge: Knowledge,
) -> None:
    for major in knowledge.taxonomy.majors:
        for middle in major.classes:
            names = [fold(minor.name) for minor in middle.minors]
            assert len(set(names)) == len(names)


@pytest.mark.parametrize("spellings", listed.SPELLINGS, ids="/".join)
def test_published_spelling_variants_name_one_class(
    knowledge: Knowledge, spellings: list[str]
) -> None:
    if fold(spellings[0]).startswith("베개"):  # one word in two sizes, each with its own class
        assert {fold(spelling)[:2] for spelling in spellings} == {"베개"}
        return
    items = [knowledge.match_item(spelling) for spelling in spellings]
    assert None not in items
    assert len({item.of_class for item in items if item}) == 1


def test_pairs_that_would_never_end_are_refused() -> None:
    with pytest.raises(ValueError, match="needs a character"):
        Folder([("가나", "나가"), ("나가", "가나")])
