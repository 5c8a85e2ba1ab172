from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner

from services.cli.knowledge import app

run = CliRunner().invoke


def test_check_reports_the_shipped_data_as_sound() -> None:
    result = run(app, ["check", "--json"])
    assert result.exit_code == 0
    answer = json.loads(result.stdout)
    assert (answer["ok"], answer["problems"]) == (True, [])
    counts = answer["report"]
    assert (counts["entries"], counts["tags"], counts["documents"]) == (167, 79, 18)
    assert counts["entries_without_rule"] == []
    assert counts["several_meanings"] == ["식품용기"]


def test_check_prints_for_people() -> None:
    result = run(app, ["check"])
    assert result.exit_code == 0
    assert "167 listed entries" in result.stdout


def test_check_names_file_field_and_remedy_and_fails(folder: Path) -> None:
    (folder / "rules" / "대형폐기물.yaml").unlink()
    result = run(app, ["check", "--data", str(folder)])
    assert result.exit_code == 1
    assert "rules/대형폐기물.yaml: id: no rule document" in result.stderr
    as_json = run(app, ["check", "--json", "--data", str(folder)])
    assert as_json.exit_code == 1
    problem = json.loads(as_json.stdout)["problems"][0]
    assert problem["file"] == "rules/대형폐기물.yaml"
    assert problem["hint"]


def test_show_answers_a_question_with_class_rule_and_steps() -> None:
    result = run(app, ["show", "소주병은 어떻게 버려요?"])
    assert result.exit_code == 0
    assert "재활용폐기물 > 유리병 > 소주병" in result.stdout
    assert "보증금" in result.stdout


def test_show_says_where_a_refused_thing_goes() -> None:
    result = run(app, ["show", "닭뼈"])
    assert "goes to: 일반종량제폐기물" in result.stdout


def test_show_lists_everything_a_word_can_mean() -> None:
    result = run(app, ["show", "식품용기", "--json"])
    assert result.exit_code == 0
    rules = {entry["rule"] for entry in json.loads(result.stdout)["items"]}
    assert rules == {"재활용폐기물_플라스틱류", "재활용폐기물_발포합성수지"}


def test_show_of_something_unknown_fails() -> None:
    result = run(app, ["show", "우주선"])
    assert result.exit_code == 1
    assert "not known" in result.stderr
