"""Every one of the 167 published entries resolves to its class and to a rule document."""

from __future__ import annotations

from collections import Counter

import pytest

from streaming.knowledge import Item, Knowledge
from tests.unit.knowledge import listed

every_entry = pytest.mark.parametrize(
    ("major", "middle", "entry"), listed.ENTRIES, ids=lambda part: str(part)
)


def test_the_taxonomy_represents_exactly_the_published_list(knowledge: Knowledge) -> None:
    assert len(listed.ENTRIES) == 167
    assert Counter(knowledge.taxonomy.entries()) == Counter(listed.ENTRIES)


def test_the_situation_tags_are_the_published_ones(knowledge: Knowledge) -> None:
    assert len(listed.TAGS) == 79
    assert list(knowledge.tags.names) == listed.TAGS
    assert len(knowledge.tags.groups) == 11


def test_seven_majors_twelve_middles_eighteen_documents(knowledge: Knowledge) -> None:
    majors = knowledge.taxonomy.majors
    assert len(majors) == 7
    assert [len(major.middles) for major in majors if major.middles] == [12]
    assert len(knowledge.documents) == 18
    assert [major.name for major in majors if major.reward] == ["재활용폐기물"]
    assert [major.name for major in majors if not major.listed] == ["생활계유해폐기물"]


@every_entry
def test_a_listed_entry_has_a_rule_document_of_its_class(
    knowledge: Knowledge, major: str, middle: str, entry: str
) -> None:
    document = knowledge.rule_for(major, middle)
    assert document is not None
    assert document.key == middle
    assert document.id == (major if major == middle else f"{major}_{middle}")


@every_entry
def test_a_listed_entry_is_canonical_in_its_class(
    knowledge: Knowledge, major: str, middle: str, entry: str
) -> None:
    found = knowledge.canonical(major, middle, entry)
    assert (found.major, found.middle, found.known) == (major, middle, True)
    assert found.minor is not None
    assert found.tags == ()
    assert found.redirected_from is None
    assert knowledge.canonical(found.major, found.middle, found.minor) == found


@every_entry
def test_a_listed_entry_is_found_in_words(
    knowledge: Knowledge, major: str, middle: str, entry: str
) -> None:
    for question in (entry, f"{entry} 어떻게 버려요?", f"집에 있는 {entry}"):
        match = knowledge.match(question)
        if entry == listed.IN_TWO_CLASSES:
            assert match.item is None
            assert (major, middle) in {item.of_class for item in match.candidates}
        else:
            assert match.item is not None, question
            assert match.item.of_class == (major, middle)


def test_a_name_in_two_classes_stays_two_things_until_a_word_decides(knowledge: Knowledge) -> None:
    match = knowledge.match("식품용기는 어디에 버리나요")
    assert {item.middle for item in match.candidates} == {"플라스틱류", "발포합성수지"}
    assert knowledge.match_item("스티로폼 재질 식품용기") == Item(
        "재활용폐기물", "발포합성수지", "식품용기"
    )
    assert knowledge.match_item("식품용기인데 플라스틱이에요") == Item(
        "재활용폐기물", "플라스틱류", "식품용기"
    )


@pytest.mark.parametrize("entry", [e for e in listed.ENTRIES if e[2].endswith("(배출불가)")])
def test_a_refused_food_item_says_where_it_goes(
    knowledge: Knowledge, entry: tuple[str, str, str]
) -> None:
    match = knowledge.match(entry[2])
    expected = ("일반종량제폐기물",) if entry[0] == "음식물류폐기물" else ()
    assert match.goes_to == expected
