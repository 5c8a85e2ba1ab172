from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.knowledge import Item, Knowledge, load


def middle_of(knowledge: Knowledge, text: str) -> str | None:
    item = knowledge.match_item(text)
    return item.middle if item else None


@pytest.mark.parametrize(
    "particle", ["", "은", "을", "이", "도", "만", "이요", "이에요", "은요", "이랑"]
)
def test_particles_do_not_hide_a_thing(knowledge: Knowledge, particle: str) -> None:
    assert middle_of(knowledge, f"우유팩{particle}") == "종이팩"


def test_the_longest_name_wins(knowledge: Knowledge) -> None:
    assert middle_of(knowledge, "종이컵") == "종이"
    assert middle_of(knowledge, "스티로폼 박스") == "발포합성수지"
    assert middle_of(knowledge, "비닐우산") == "일반종량제폐기물"


def test_the_head_of_a_compound_is_the_thing(knowledge: Knowledge) -> None:
    assert middle_of(knowledge, "우유팩 빨대 어디 버려요") == "일반종량제폐기물"
    assert middle_of(knowledge, "냉장고 박스는요") == "종이"


def test_what_describes_a_thing_is_not_the_thing(knowledge: Knowledge) -> None:
    assert middle_of(knowledge, "라벨 뗀 페트병 버리는 법") == "무색페트병"
    assert middle_of(knowledge, "종이로 된 박스에 든 건전지는요") == "전지"


def test_one_syllable_names_count_only_as_words(knowledge: Knowledge) -> None:
    assert middle_of(knowledge, "칼은 어떻게 버려요") == "일반종량제폐기물"
    assert knowledge.match_item("칼국수집 추천해줘") is None
    assert knowledge.match_item("철학이 뭐야") is None
    assert knowledge.match_item("철거 비용") is None
    assert knowledge.match_item("책과외 추천") is None


def test_several_things_at_once_are_candidates_not_a_guess(knowledge: Knowledge) -> None:
    match = knowledge.match("캔이랑 유리병은 같이 버려도 되나요?")
    assert match.item is None
    assert [item.middle for item in match.candidates] == ["금속류", "유리병"]


def test_what_stands_together_with_the_subject_is_not_asked_about(knowledge: Knowledge) -> None:
    assert middle_of(knowledge, "우유팩은 종이랑 같이 버려도 되나요") == "종이팩"


@pytest.mark.parametrize(
    ("text", "middle"),
    [
        ("비닐은 어떻게 버려요", "비닐류"),
        ("음식물 묻은 비닐은 어떻게 버려요", "일반종량제폐기물"),
        ("소주병은 어떻게 버려요", "유리병"),
        ("소주병이 깨졌는데 어떻게 버려요", "불연성종량제폐기물"),
    ],
)
def test_a_state_can_change_the_class(knowledge: Knowledge, text: str, middle: str) -> None:
    assert middle_of(knowledge, text) == middle


def test_several_names_of_one_class_are_that_class(knowledge: Knowledge) -> None:
    assert middle_of(knowledge, "책상이랑 의자 버리려고요") == "대형폐기물"


def test_a_size_word_decides_between_bag_and_sticker(knowledge: Knowledge) -> None:
    assert knowledge.match("쿠션 버리는 법").item is None
    assert middle_of(knowledge, "작은 쿠션 버리는 법") == "일반종량제폐기물"
    assert middle_of(knowledge, "엄청 큰 쿠션 버리는 법") == "대형폐기물"


@pytest.mark.parametrize(
    "text", ["백열전구", "백열전구는 어떻게 버려요", "주사기 버리는 법", "새우껍데기"]
)
def test_what_the_rules_do_not_cover_is_not_answered_with_a_neighbours_rule(
    knowledge: Knowledge, text: str
) -> None:
    match = knowledge.match(text)
    assert (match.item, match.candidates) == (None, ())
    assert match.word


@pytest.mark.parametrize(
    "text", ["", "   ", "???", "안녕하세요", "이거 어떻게 버려요", "🍎", "\x00", "aaaa" * 500]
)
def test_nothing_known_is_nothing(knowledge: Knowledge, text: str) -> None:
    match = knowledge.match(text)
    assert (match.item, match.candidates, match.word) == (None, (), "")


def test_an_item_only_a_rule_document_knows_is_found_where_it_goes(knowledge: Knowledge) -> None:
    assert knowledge.match_item("일회용 면도기 버리는 법") == Item(
        "일반종량제폐기물", "일반종량제폐기물"
    )
    assert middle_of(knowledge, "유색 페트병") == "플라스틱류"


def test_decomposed_hangul_is_read(knowledge: Knowledge) -> None:
    import unicodedata

    assert middle_of(knowledge, unicodedata.normalize("NFD", "우유팩은 어떻게 버려요")) == "종이팩"


@given(st.text())
def test_any_text_gets_an_answer_of_the_right_shape(text: str) -> None:
    match = load().match(text)
    assert match.item is None or not match.candidates
    assert len(match.candidates) != 1


def test_a_very_long_question_is_cut_not_searched_for_ever(knowledge: Knowledge) -> None:
    started = time.process_time()
    knowledge.match("페트병" * 100_000)
    assert time.process_time() - started < 1.0
