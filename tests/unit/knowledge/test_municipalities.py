from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
import yaml

from streaming.knowledge import Knowledge, KnowledgeError, load
from streaming.knowledge.files import read

FOAM = "재활용폐기물_발포합성수지"
LOCAL = {
    "code": "99110",
    "name": "가나도 다라시",
    "aliases": ["다라시"],
    "source": {
        "name": "다라시 분리배출 안내",
        "publisher": "다라시청",
        "url": "https://example.invalid/notice",
        "basis": "made up for a test",
    },
    "effective_date": date(2026, 1, 1),
    "rules": {
        FOAM: {
            "common_steps": {"append": ["색이 있는 스티로폼은 받지 않아요."]},
            "not_accepted": [{"item": "색 스티로폼", "goes_to": ["일반종량제폐기물"]}],
        },
        "재활용폐기물_유리병": {
            "common_steps": {"replace": ["유리병은 목요일에만 내놓아 주세요."]},
            "remove_cases": ["깨진 유리병"],
            "cases": [
                {"name": "빈용기보증금대상 유리병", "minors": ["소주병"], "steps": ["돌려주기"]}
            ],
            "remove_not_accepted": ["도자기"],
        },
    },
}


def write(folder: Path, content: object, name: str = "dara") -> None:
    path = folder / "municipalities" / f"{name}.yaml"
    path.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")


@pytest.mark.parametrize("label", ["99110", "가나도 다라시", "가나도다라시", "다라시"])
def test_local_changes_lie_over_the_national_document(folder: Path, label: str) -> None:
    write(folder, LOCAL)
    knowledge = load(folder)
    national = knowledge.documents[FOAM]
    local = knowledge.rule_for("재활용폐기물", "발포합성수지", label)
    assert local is not None
    assert local.common_steps == (*national.common_steps, "색이 있는 스티로폼은 받지 않아요.")
    assert local.cases == national.cases
    assert (local.municipality, local.source.publisher) == ("가나도 다라시", "다라시청")
    assert local.effective_date == date(2026, 1, 1)
    assert knowledge.redirect(local, "색 스티로폼") is not None
    assert knowledge.redirect(national, "색 스티로폼") is None


def test_replace_and_remove(folder: Path) -> None:
    write(folder, LOCAL)
    knowledge = load(folder)
    local = knowledge.rule_for("재활용폐기물", "유리병", "다라시")
    assert local is not None
    assert local.common_steps == ("유리병은 목요일에만 내놓아 주세요.",)
    assert [(case.name, case.steps) for case in local.cases] == [
        ("빈용기보증금대상 유리병", ("돌려주기",))
    ]
    assert knowledge.redirect(local, "도자기") is None
    assert knowledge.redirect(local, "거울") is not None


def test_everyone_else_keeps_the_national_rule(folder: Path) -> None:
    write(folder, LOCAL)
    knowledge = load(folder)
    national = knowledge.documents[FOAM]
    assert knowledge.rule_for("재활용폐기물", "발포합성수지") is national
    assert knowledge.rule_for("재활용폐기물", "발포합성수지", "모르는시") is national
    assert (
        knowledge.rule_for("재활용폐기물", "종이", "다라시")
        is knowledge.documents["재활용폐기물_종이"]
    )


def test_no_local_rule_is_shipped_without_a_known_source(knowledge: Knowledge) -> None:
    assert dict(knowledge.municipalities) == {}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"code": "123"}, "code"),
        ({"code": 99110}, "code"),
        ({"effective_date": None}, ""),
        ({"rules": {}}, "rules"),
        ({"rules": {"없는문서": {}}}, "rules.없는문서"),
        ({"rules": {FOAM: {"remove_cases": ["없는 경우"]}}}, f"rules.{FOAM}.remove_cases"),
        ({"rules": {FOAM: {"steps": []}}}, f"rules.{FOAM}.steps"),
        (
            {"rules": {FOAM: {"not_accepted": [{"item": "색", "goes_to": ["없는문서"]}]}}},
            f"rules.{FOAM}.not_accepted.0.goes_to",
        ),
        (
            {
                "rules": {
                    FOAM: {"cases": [{"name": "색", "minors": ["없는것"], "steps": ["버리기"]}]}
                }
            },
            f"rules.{FOAM}.cases.0.minors",
        ),
    ],
)
def test_a_mistake_in_a_local_file_is_named(
    folder: Path, change: dict[str, object], field: str
) -> None:
    write(folder, LOCAL | change)
    with pytest.raises(KnowledgeError) as caught:
        load(folder)
    problems = caught.value.problems
    assert [problem.file for problem in problems] == ["municipalities/dara.yaml"]
    assert problems[0].field == field


def test_one_label_cannot_mean_two_municipalities(folder: Path) -> None:
    write(folder, LOCAL)
    write(folder, LOCAL | {"code": "99120", "name": "마바시"}, "mabasi")
    with pytest.raises(KnowledgeError, match="also means"):
        Knowledge(read(folder))
