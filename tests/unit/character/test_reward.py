from __future__ import annotations

from dataclasses import replace

import pytest

from services.character.catalogue_file import released
from services.character.reward import Item, decide

CLEAN_BOTTLE = Item(
    "재활용폐기물", "무색페트병", "음료PET병", rules_found=True, lacks_something=False
)

NAMES = {
    "종이": "페이피",
    "종이팩": "팩토리",
    "무색페트병": "페티",
    "비닐류": "비니",
    "유리병": "글래시",
    "의류및원단": "코튼",
    "플라스틱류": "플리",
    "금속류": "메탈리",
    "전지": "배리",
    "조명제품": "라이티",
    "전기전자제품": "일렉",
    "발포합성수지": "폼이",
}


@pytest.mark.parametrize(("middle", "name"), NAMES.items())
def test_every_recyclable_middle_earns_the_character_the_app_knows(middle: str, name: str) -> None:
    decision = decide(replace(CLEAN_BOTTLE, middle=middle, minor=middle), released())
    assert decision.character is not None
    assert decision.character.name == name
    assert decision.reason == middle


def test_match_reason_names_middle_and_minor() -> None:
    assert decide(CLEAN_BOTTLE, released()).reason == "무색페트병>음료PET병"


@pytest.mark.parametrize(
    "item",
    [
        replace(CLEAN_BOTTLE, major="일반종량제폐기물"),
        replace(CLEAN_BOTTLE, middle=" "),
        replace(CLEAN_BOTTLE, middle="대표 캐릭터"),
        replace(CLEAN_BOTTLE, rules_found=False),
        replace(CLEAN_BOTTLE, lacks_something=True),
    ],
)
def test_anything_less_earns_nothing(item: Item) -> None:
    assert decide(item, released()).character is None


def test_the_catalogue_has_thirteen_characters_with_one_default() -> None:
    catalogue = released()
    assert len(catalogue.characters) == 13
    assert catalogue.default.code == "char-eco"
    assert len({character.character_id for character in catalogue.characters}) == 13
