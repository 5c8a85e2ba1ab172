"""The guide: every thing of the knowledge base is an item with an id that stays."""

from __future__ import annotations

import re

import pytest

from services.info import faq
from services.info.faq import Faq, FaqError, Question
from services.info.recycling import ICONS, Guide
from streaming.knowledge import Knowledge
from streaming.knowledge.matching import stem


def test_every_class_is_a_category_with_an_icon(guide: Guide, knowledge: Knowledge) -> None:
    names = [category.id for category in guide.categories]
    assert names == [
        name
        for major in knowledge.taxonomy.majors
        for name in (major.name, *(middle.name for middle in major.middles))
    ]
    assert sorted(names) == sorted(ICONS)
    icons = [category.icon for category in guide.categories]
    assert len(set(icons)) == len(icons)


def test_counts_add_up(guide: Guide) -> None:
    counts = {category.id: category.item_count for category in guide.categories}
    middles = [category for category in guide.categories if category.parent]
    assert counts["재활용폐기물"] == sum(middle.item_count for middle in middles)
    assert sum(counts[c.id] for c in guide.categories if not c.parent) == len(
        list(guide.listed(None))
    )
    assert all(counts.values())


def test_every_minor_is_an_item(guide: Guide, knowledge: Knowledge) -> None:
    places = {entry.place for entry in guide.entries}
    for major in knowledge.taxonomy.majors:
        for middle in major.classes:
            for minor in middle.minors:
                assert any(
                    (place.major, place.middle, place.minor)
                    == (major.name, middle.name, minor.name)
                    for place in places
                ), minor.name


def test_everything_turned_away_is_found_under_some_name(
    guide: Guide, knowledge: Knowledge
) -> None:
    fold = knowledge.fold
    names = {
        fold(text)
        for entry in guide.entries
        for text in (*entry.names, *map(stem, entry.names), *entry.words)
    }
    for document in knowledge.documents.values():
        for refusal in document.not_accepted:
            labels = {fold(text) for text in (refusal.item, *refusal.words)}
            assert labels & names, refusal.item


def test_ids_are_readable_and_go_into_a_path(guide: Guide) -> None:
    for entry in guide.entries:
        assert re.fullmatch(r"[가-힣]+(\.[0-9A-Za-z가-힣]+(-[0-9A-Za-z가-힣]+)*)?", entry.id)
        assert len(entry.id) <= 128
        assert entry.id.partition(".")[0] == entry.category


def test_some_ids_for_good(guide: Guide) -> None:
    """What somebody has bookmarked: a change of these is a change of the contract."""
    assert {
        "종이",
        "종이.골판지류",
        "무색페트병.먹는샘물PET병",
        "일반종량제폐기물.CD-DVD",
        "일반종량제폐기물.가위-날카로운-고철",
        "음식물류폐기물.뼈-배출불가",
        "생활계유해폐기물.의약품",
    } <= guide.by_id.keys()


def test_every_item_says_what_to_do_and_where_that_stands(
    guide: Guide, knowledge: Knowledge
) -> None:
    for entry in guide.entries:
        assert entry.steps, entry.id
        assert entry.document_id in knowledge.documents


@pytest.mark.parametrize(
    ("item", "recyclable", "document"),
    [
        ("종이.골판지류", True, "재활용폐기물_종이"),
        ("음식물류폐기물.뼈-배출불가", False, "일반종량제폐기물"),
        ("불연성종량제폐기물.LED평판형-배출불가", False, "불연성종량제폐기물"),
        ("플라스틱류.유색의-페트병", True, "재활용폐기물_플라스틱류"),
        ("플라스틱류.생분해성수지제품", False, "재활용폐기물_플라스틱류"),
        ("일반종량제폐기물.택배송장", False, "일반종량제폐기물"),
    ],
)
def test_items_follow_the_document_that_takes_them(
    guide: Guide, item: str, recyclable: bool, document: str
) -> None:
    entry = guide.by_id[item]
    assert (entry.recyclable, entry.document_id) == (recyclable, document)


def test_an_item_says_what_turns_it_away(guide: Guide) -> None:
    assert guide.by_id["일반종량제폐기물.택배송장"].notes == (
        "종이로 배출하지 않아요: 일반종량제폐기물",
    )
    assert guide.by_id["음식물류폐기물.뼈-배출불가"].name == "뼈"
    assert "음식물류폐기물로 배출하지 않아요: 일반종량제폐기물" in (
        guide.by_id["음식물류폐기물.뼈-배출불가"].notes
    )


def test_a_case_of_an_item_is_among_its_steps(guide: Guide) -> None:
    assert any("보증금" in step for step in guide.by_id["유리병.소주병"].steps)
    assert any("약국" in step for step in guide.by_id["생활계유해폐기물.의약품"].steps)


# -- frequent questions ---------------------------------------------------------------------------


def test_every_rule_document_answers_questions(knowledge: Knowledge) -> None:
    questions = faq.load(knowledge.documents)
    assert len(questions.questions) >= 40
    assert {question.document for question in questions.questions} == set(knowledge.documents)
    assert {question.category for question in questions.questions} <= ICONS.keys()


def test_questions_are_said_once_and_end_as_questions(knowledge: Knowledge) -> None:
    questions = faq.load(knowledge.documents).questions
    assert len({question.question for question in questions}) == len(questions)
    for question in questions:
        assert question.answer.endswith(("요.", "요!")), question.id
        assert question.question[-1] in "?.", question.id


def test_questions_name_what_their_document_knows(knowledge: Knowledge) -> None:
    """A question is about the class it stands under, or about something that class turns away."""
    questions = faq.load(knowledge.documents).questions
    strays = []
    for question in questions:
        match = knowledge.match(question.question)
        items = [match.item] if match.item else list(match.candidates)
        classes = {name for item in items for name in (item.middle, item.major)}
        document = knowledge.documents[question.document]
        turned_away = {target for entry in document.not_accepted for target in entry.goes_to}
        if (
            items
            and question.category not in classes
            and not classes & {target.rpartition("_")[2] for target in turned_away}
        ):
            strays.append((question.id, classes))
    assert not strays


def test_a_category_covers_its_middles(knowledge: Knowledge) -> None:
    questions = faq.load(knowledge.documents)
    recyclables = questions.about("재활용폐기물")
    assert set(questions.about("종이")) < set(recyclables) < set(questions.about(None))
    assert questions.about("대형폐기물")


@pytest.mark.parametrize(
    ("ids", "document", "message"),
    [(("a", "a"), "대형폐기물", "twice"), (("a",), "없는문서", "no rule document")],
)
def test_contradictions_are_named(
    knowledge: Knowledge, ids: tuple[str, ...], document: str, message: str
) -> None:
    questions = tuple(
        Question(id=name, question="무엇?", answer="이것이요.", document=document) for name in ids
    )
    with pytest.raises(FaqError, match=message):
        Faq(questions, knowledge.documents)
