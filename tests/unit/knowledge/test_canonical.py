from __future__ import annotations

import pytest

from streaming.knowledge import Classification, Knowledge


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (("재활용 폐기물", "무색 PET병", "무색페트병 (물병)"), "무색페트병(물병)"),
        (("재활용", "종이류", "골판지"), "골판지류"),
        (("재활용폐기물", "비닐", "1회용 비닐 봉투"), "일회용비닐봉투"),
        (("재활용폐기물", "의류 및 원단", "티셔츠"), "티셔츠"),
        (("일반쓰레기", "일반쓰레기", "CD · DVD"), "CD/DVD"),
        (("공사장 생활폐기물", "", "폐벽지"), "폐벽지"),
    ],
)
def test_spellings_of_labels_are_brought_back(
    knowledge: Knowledge, labels: tuple[str, str, str], expected: str
) -> None:
    found = knowledge.canonical(*labels)
    assert (found.minor, found.tags, found.known) == (expected, (), True)


def test_free_wording_of_a_minor_is_understood_or_dropped(knowledge: Knowledge) -> None:
    assert knowledge.canonical("재활용폐기물", "금속류", "빈 맥주캔").minor == "알루미늄캔"
    unknown = knowledge.canonical("재활용폐기물", "금속류", "우주선 조각")
    assert (unknown.minor, unknown.tags) == (None, ("미분류_소분류",))


def test_no_minor_is_marked_as_unclassified_minor(knowledge: Knowledge) -> None:
    assert knowledge.canonical("재활용폐기물", "종이", None) == Classification(
        major="재활용폐기물", middle="종이", minor=None, tags=("미분류_소분류",)
    )


@pytest.mark.parametrize(
    "labels", [(None, None), ("", ""), ("unknown", "unknown"), ("미분류", "미분류")]
)
def test_unknown_labels_become_unclassified_and_have_no_rule(
    knowledge: Knowledge, labels: tuple[str | None, str | None]
) -> None:
    found = knowledge.canonical(*labels)
    assert found == Classification(
        major="미분류", middle="미분류", minor=None, tags=("미분류_전체",), known=False
    )
    assert knowledge.rule_for(found.major, found.middle) is None


def test_a_recyclable_of_an_unknown_middle_has_no_rule(knowledge: Knowledge) -> None:
    found = knowledge.canonical("재활용폐기물", "우주선", "엔진")
    assert (found.major, found.middle, found.known) == ("재활용폐기물", "미분류", False)
    assert knowledge.rule_for(found.major, found.middle) is None


def test_a_lost_class_is_recovered_from_what_is_known(knowledge: Knowledge) -> None:
    assert knowledge.canonical("unknown", "유리병", None).major == "재활용폐기물"
    assert knowledge.canonical("unknown", "대형폐기물", None).major == "대형폐기물"
    assert knowledge.canonical("재활용폐기물", "unknown", "우유팩").middle == "종이팩"
    assert knowledge.canonical(None, None, "도자기").major == "불연성종량제폐기물"


def test_a_name_in_two_classes_does_not_recover_one(knowledge: Knowledge) -> None:
    assert not knowledge.canonical("재활용폐기물", "unknown", "식품용기").known


def test_a_middle_under_a_major_without_middles_is_ignored(knowledge: Knowledge) -> None:
    found = knowledge.canonical("일반종량제폐기물", "플라스틱류", None)
    assert (found.major, found.middle) == ("일반종량제폐기물", "일반종량제폐기물")


def test_a_minor_its_class_refuses_moves_to_where_it_goes(knowledge: Knowledge) -> None:
    found = knowledge.canonical("재활용폐기물", "종이", "택배 송장")
    assert (found.major, found.minor) == ("일반종량제폐기물", "택배송장")
    assert found.redirected_from == "재활용폐기물_종이"
    coloured = knowledge.canonical("재활용폐기물", "무색페트병", "유색페트병")
    assert (coloured.middle, coloured.redirected_from) == ("플라스틱류", "재활용폐기물_무색페트병")


def test_a_minor_that_may_go_to_two_places_is_not_moved(knowledge: Knowledge) -> None:
    found = knowledge.canonical("재활용폐기물", "의류및원단", "쿠션")
    assert (found.middle, found.minor, found.redirected_from) == ("의류및원단", None, None)


def test_only_known_situation_tags_pass_and_spelling_is_restored(knowledge: Knowledge) -> None:
    tags = ["비닐 라벨 부착", "유리병_깨짐", "아무거나", "유리병_깨짐", "뚜껑_닫힘(플라스틱)"]
    assert knowledge.valid_tags(tags) == ("비닐_라벨_부착", "유리병_깨짐", "뚜껑_닫힘(플라스틱)")
