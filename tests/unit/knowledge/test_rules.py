from __future__ import annotations

import pytest

from streaming.knowledge import Knowledge, RuleDocument, load

documents = pytest.mark.parametrize(
    "document", load().documents.values(), ids=lambda document: document.id
)


def test_lookup_follows_class_then_major_then_nothing(knowledge: Knowledge) -> None:
    def found(major: str, middle: str | None) -> str | None:
        document = knowledge.rule_for(major, middle)
        return document.id if document else None

    assert found("재활용폐기물", "종이") == "재활용폐기물_종이"
    assert found("대형폐기물", "대형폐기물") == "대형폐기물"
    assert found("대형폐기물", "무엇이든") == "대형폐기물"
    assert found("대형폐기물", None) == "대형폐기물"
    assert found("재활용폐기물", "무엇이든") is None
    assert found("재활용폐기물", None) is None
    assert found("미분류", "미분류") is None
    assert found("", "") is None
    assert found("공사장 생활폐기물", None) == "공사장생활폐기물"


@documents
def test_every_document_names_its_source_and_admits_an_unknown_date(document: RuleDocument) -> None:
    assert document.source.publisher == "환경부"
    assert "Restated" in document.source.basis
    assert document.effective_date is not None or document.effective_date_note


@documents
def test_every_document_is_readable_under_the_field_names_clients_know(
    document: RuleDocument,
) -> None:
    fields = document.as_dict()
    assert list(fields)[:10] == [
        "id",
        "key",
        "category",
        "이름",
        "대상_품목",
        "대상_설명",
        "세부_품목",
        "배출방법_공통",
        "배출방법_세부",
        "배출불가_품목_안내",
    ]
    assert all(fields["배출불가_품목_안내"].values())


@documents
def test_every_document_but_food_waste_says_what_to_do(
    knowledge: Knowledge, document: RuleDocument
) -> None:
    assert bool(knowledge.steps(document)) == (document.id != "음식물류폐기물")


def test_a_clear_bottle_is_closed_with_its_cap(knowledge: Knowledge) -> None:
    document = knowledge.documents["재활용폐기물_무색페트병"]
    assert "뚜껑을 닫아" in " ".join(document.common_steps)
    assert any("뚜껑을 닫아" in say for say in document.lacking(("뚜껑_열림",)))
    assert document.lacking(("뚜껑_닫힘(플라스틱)", "비닐_라벨_완전_제거됨")) == ()


def test_a_waybill_is_refused_by_paper_and_goes_to_general_waste(knowledge: Knowledge) -> None:
    paper = knowledge.documents["재활용폐기물_종이"]
    for spelling in ("택배송장", "택배 송장", "영수증(감열지)", "감열지영수증", "코팅 전단지"):
        refused = knowledge.redirect(paper, spelling)
        assert refused is not None, spelling
        assert refused.goes_to == ("일반종량제폐기물",)
    assert knowledge.redirect(paper, "신문지") is None


def test_all_23_refused_foods_go_to_general_waste(knowledge: Knowledge) -> None:
    refused = knowledge.documents["음식물류폐기물"].not_accepted
    assert len(refused) == 23
    assert {entry.goes_to for entry in refused} == {("일반종량제폐기물",)}


def test_what_depends_on_size_names_both_places(knowledge: Knowledge) -> None:
    blanket = knowledge.redirect(knowledge.documents["재활용폐기물_의류및원단"], "이불")
    assert blanket is not None
    assert blanket.where == "일반종량제폐기물 또는 대형폐기물"


def test_cases_are_chosen_by_minor_by_tag_and_by_word(knowledge: Knowledge) -> None:
    glass = knowledge.documents["재활용폐기물_유리병"]
    assert any("보증금" in step for step in knowledge.steps(glass, minor="소주병"))
    assert not any("보증금" in step for step in knowledge.steps(glass, minor="이색유리병"))
    hazardous = knowledge.documents["생활계유해폐기물"]
    assert "약국" in knowledge.steps(hazardous, text="감기약 남은 거 어떻게 버려요")[0]


def test_broken_glass_does_not_get_the_steps_for_whole_bottles(knowledge: Knowledge) -> None:
    steps = knowledge.steps(knowledge.documents["재활용폐기물_유리병"], tags=("유리병_깨짐",))
    assert any("신문지" in step for step in steps)
    assert not any("유리병 수거함에 넣고" in step for step in steps)


@pytest.mark.parametrize(
    ("document", "fact"),
    [
        ("재활용폐기물_전기전자제품", "1599-0903"),
        ("재활용폐기물_전기전자제품", "15990903.or.kr"),
        ("재활용폐기물_전기전자제품", "5개 이상"),
        ("대형폐기물", "1599-0903"),
        ("재활용폐기물_전지", "절대 섞지 말고"),
        ("재활용폐기물_조명제품", "2023년 1월 1일"),
        ("공사장생활폐기물", "5톤 미만"),
        ("재활용폐기물_금속류", "노즐을 눌러"),
        ("재활용폐기물_종이팩", "알루미늄박"),
        ("재활용폐기물_발포합성수지", "받지 않는"),
        ("불연성종량제폐기물", "조례"),
    ],
)
def test_facts_people_rely_on_are_there(knowledge: Knowledge, document: str, fact: str) -> None:
    assert fact in str(knowledge.documents[document].as_dict())
