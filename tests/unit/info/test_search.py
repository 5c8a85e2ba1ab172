"""Items are found by what people type, errors included."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.info.keystrokes import initials, keystrokes
from services.info.recycling import Guide
from services.info.search import ItemSearch

# What is typed and what has to come first. None of these misspellings is among the words of the
# taxonomy; the right spellings are, or are names.
TYPED = {
    "페트뱡": "무색페트병",
    "패트병": "무색페트병",
    "vpxmqud": "무색페트병",
    "투명패트병": "무색페트병",
    "생수뱡": "무색페트병.먹는샘물PET병",
    "우유펙": "종이팩.우유팩",
    "우유패": "종이팩.우유팩",
    "두유펙": "종이팩.두유팩",
    "종이컵을": "종이.종이컵",
    "종위컵": "종이.종이컵",
    "신문쥐": "종이.신문지",
    "택배빡스": "종이.골판지류",
    "스티로품": "발포합성수지",
    "스티루폼": "발포합성수지",
    "뽁뽁ㅣ": "비닐류",
    "비닐봉쥐": "비닐류.일회용비닐봉투",
    "비니봉투": "비닐류.일회용비닐봉투",
    "양파먕": "비닐류.농산물그물망",
    "소줒병": "유리병.소주병",
    "맥쥬병": "유리병.맥주병",
    "알루미늄켄": "금속류.알루미늄캔",
    "부탄까스": "금속류.부탄가스",
    "참치켄": "금속류.철캔",
    "후라이펜": "금속류.금속냄비",
    "텀불러": "금속류.스테인리스",
    "운동하": "의류및원단.신발",
    "티셔쓰": "의류및원단.티셔츠",
    "청바쥐": "의류및원단.바지",
    "보조베터리": "전지.리튬이온전지",
    "자동차배더리": "전지.납축전지",
    "겅전지": "전지",
    "형광둥": "조명제품.형광등직관형",
    "노트뷱": "전기전자제품.컴퓨터",
    "냉장거": "전기전자제품.냉장고",
    "전자렌지": "전기전자제품",
    "핸드펀": "전기전자제품.휴대폰",
    "세탁귀": "전기전자제품.세탁기",
    "영수즘": "일반종량제폐기물.감열지영수증",
    "송쟝": "일반종량제폐기물.택배송장",
    "고무쟝갑": "일반종량제폐기물.고무장갑",
    "나무젓가략": "일반종량제폐기물.나무제품",
    "물티슈를": "일반종량제폐기물.사용휴지",
    "칫쏠": "일반종량제폐기물",
    "달걀껍찔": "일반종량제폐기물.닭-오리-메추리알-등의-껍데기",
    "커피찌꺼끼": "일반종량제폐기물.한약-커피-녹차-등의-찌꺼기",
    "머그컾": "불연성종량제폐기물.도자기",
    "뚝베기": "불연성종량제폐기물.도자기",
    "깨진유리켭": "불연성종량제폐기물.깨진유리",
    "연탄제": "불연성종량제폐기물.연탄재",
    "바나나껍찔": "음식물류폐기물.과일껍질",
    "아보카도시": "음식물류폐기물.씨-배출불가",
    "메트리쓰": "대형폐기물.침구류",
    "쇼파": "대형폐기물.가구",
    "자전꺼": "대형폐기물.대형생활용품",
    "케리어": "대형폐기물.바퀴-달린-가방-캐리어",
    "전기쟝판": "대형폐기물.전기장판",
    "체온게": "생활계유해폐기물.수은함유폐기물-온도계-혈압계-등",
    "감기얃": "생활계유해폐기물.의약품",
    "페인투": "생활계유해폐기물.페인트",
    "순간접착재": "생활계유해폐기물.접착제",
    "라돈침데": "생활계유해폐기물.천연방사성제품",
}


def test_typing_errors_are_forgiven(search: ItemSearch) -> None:
    wrong = {}
    for typed, wanted in TYPED.items():
        found = [entry.id for entry in search.find(typed, None, 3)]
        if found[:1] != [wanted]:
            wrong[typed] = found
    assert len(wrong) <= len(TYPED) * 0.05, wrong
    assert all(TYPED[typed] in found for typed, found in wrong.items()), wrong


@pytest.mark.parametrize(
    ("question", "item"),
    [
        ("다 쓴 건전지 어떻게 버려요?", "전지"),
        ("노트북을 어디에 버리나요", "전기전자제품.컴퓨터"),
        ("깨진 소주병", "불연성종량제폐기물.깨진유리"),
        ("기름 묻은 배달용기", "일반종량제폐기물.오염배달용기"),
        ("택배 상자에 붙은 송장", "일반종량제폐기물.택배송장"),
        ("우유팩 빨대", "일반종량제폐기물.플라스틱조각"),
    ],
)
def test_whole_questions_are_understood(search: ItemSearch, question: str, item: str) -> None:
    assert search.find(question, None, 1)[0].id == item


def test_every_item_is_found_by_its_own_name(search: ItemSearch, guide: Guide) -> None:
    for entry in guide.listed(None):
        found = search.find(entry.name, entry.category, 3)
        assert entry in found, entry.id


@pytest.mark.parametrize(
    "text", ["🙂", "';--", "xyzzy", "SELECT * FROM items", "ㅋㅋㅋ", "가나다라마바사"]
)
def test_nothing_is_found_for_nothing(search: ItemSearch, text: str) -> None:
    assert search.find(text, None, 10) == []


def test_initial_consonants_are_an_abbreviation(search: ItemSearch) -> None:
    assert search.find("ㅍㅌㅂ", None, 1)[0].id == "무색페트병"
    assert search.find("ㄴㅈㄱ", None, 1)[0].id == "전기전자제품.냉장고"


def test_a_word_that_needs_another_one_is_not_the_first(search: ItemSearch) -> None:
    """배달용기 alone is a plastic container; only a dirty one is general waste."""
    assert [entry.id for entry in search.find("배달용기", None, 2)] == [
        "플라스틱류",
        "일반종량제폐기물.오염배달용기",
    ]


def test_blank_words_list_the_category_in_the_order_of_the_guide(
    search: ItemSearch, guide: Guide
) -> None:
    for text in ("", "  "):
        assert search.find(text, "종이", 50) == list(guide.listed("종이"))
    assert search.find("", "재활용폐기물", 50) == list(guide.listed("재활용폐기물"))[:50]
    assert not any(entry.general for entry in search.find("", None, 50))


def test_a_category_narrows(search: ItemSearch) -> None:
    assert [entry.id for entry in search.find("식품용기", "발포합성수지", 1)] == [
        "발포합성수지.식품용기"
    ]
    assert search.find("냉장고", "종이", 5) == []
    with pytest.raises(KeyError):
        search.find("냉장고", "없는분류", 5)


@given(st.text(max_size=100))
def test_any_text_is_answered_quickly(search: ItemSearch, text: str) -> None:
    began = time.process_time()
    found = search.find(text, None, 20)
    assert len(found) <= 20
    assert len({entry.id for entry in found}) == len(found)
    assert time.process_time() - began < 1.0


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("페트병", "vpxmqud"),
        ("닭뼈", "ekfrQu"),
        ("과일", "rhkdlf"),
        ("ㅃㅗㄱ", "Qhr"),
        ("pet병1", "petqud1"),
        ("", ""),
    ],
)
def test_keys_of_the_korean_keyboard(text: str, keys: str) -> None:
    assert keystrokes(text) == keys


@given(st.text("가각힣닭뷁", max_size=8))
def test_a_block_and_its_letters_are_typed_alike(text: str) -> None:
    import unicodedata

    assert keystrokes(unicodedata.normalize("NFD", text)) == keystrokes(text)
    assert len(initials(text)) == len(text)
