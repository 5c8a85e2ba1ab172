"""Characters are recognised by what people call them, and not in words that merely begin alike."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.character.catalogue_file import released
from services.character.mentions import mentioned


def names(text: str) -> list[str]:
    return [character.name for character in mentioned(text, released())]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("팩토리는 누구야?", ["팩토리"]),
        ("종이 캐릭터 알려줘", ["페이피"]),
        ("종이캐릭터", ["페이피"]),
        ("페트병 버리면 누구 얻어?", ["페티"]),
        ("무색페트병을 모으면?", ["페티"]),
        ("비니랑 글래시 중에 누가 좋아?", ["비니", "글래시"]),
        ("글래시, 비니, 글래시", ["글래시", "비니"]),
        ("METALLY and Paepy", ["메탈리", "페이피"]),
        ("이코야 안녕", ["이코"]),
        ("이코한테 물어볼래", ["이코"]),
        ("ﾒ타 ｅｃｏ", ["이코"]),
        ("종이팩은?", ["팩토리"]),
    ],
)
def test_names_aliases_and_categories_are_recognised(text: str, expected: list[str]) -> None:
    assert names(text) == expected


@pytest.mark.parametrize(
    "text",
    ["", "  ", "이코노미 좌석", "에코백 버려줘", "팩트 체크", "petrol economy", "오늘 날씨 어때?"],
)
def test_words_that_only_begin_alike_are_not(text: str) -> None:
    assert names(text) == []


@given(st.text(max_size=300))
def test_any_text_mentions_each_character_at_most_once(text: str) -> None:
    found = names(text)
    assert len(found) == len(set(found))


def test_a_name_is_found_however_it_is_written() -> None:
    catalogue = released()
    for name in ("페티", " PETTY ", "char-petty", "페 티", "무색페트병", "페티"):
        found = catalogue.named(name)
        assert found is not None, name
        assert found.code == "char-petty"
    assert catalogue.named("누구") is None
