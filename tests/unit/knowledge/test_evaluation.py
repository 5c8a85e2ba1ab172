"""How often a question in everyday Korean is understood, offline: per class, printed with -s."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from streaming.knowledge import Knowledge

FOLDER: Final = Path(__file__).parents[2] / "eval"
SEEN: Final = ("recyclables", "others", "second_round", "third_round")
"""Files the word list was extended with."""

SEEN_TARGET: Final = 0.98
HELD_OUT_TARGET: Final = 0.87
"""Measured: 50 of 56 right, 5 wrong, 1 "don't know"."""
HELD_OUT_WRONG: Final = 0.10


def cases(*names: str) -> list[dict[str, Any]]:
    return [
        case
        for name in names
        for case in yaml.safe_load((FOLDER / f"{name}.yaml").read_text(encoding="utf-8"))["cases"]
    ]


def verdict(knowledge: Knowledge, case: dict[str, Any]) -> str:
    """``right``, ``wrong`` (another class was named) or ``unknown``."""
    match = knowledge.match(case["question"])
    if case.get("unknown"):
        return "right" if match.item is None else "wrong"
    if match.item is None:
        return "unknown"
    document = knowledge.rule_for(match.item.major, match.item.middle)
    right = (
        match.item.of_class == (case["major"], case["middle"])
        and document is not None
        and document.id == case["rule"]
        and list(match.goes_to) == case.get("goes_to", [])
    )
    return "right" if right else "wrong"


def measured(knowledge: Knowledge, chosen: list[dict[str, Any]]) -> Counter[str]:
    """Verdicts over ``chosen``; prints a line for each class and each miss."""
    per_class: dict[str, Counter[str]] = {}
    total: Counter[str] = Counter()
    for case in chosen:
        result = verdict(knowledge, case)
        per_class.setdefault(case.get("rule", "(unknown)"), Counter())[result] += 1
        total[result] += 1
        if result != "right":
            print(f"  {result}: {case['question']}")
    for name, counts in sorted(per_class.items()):
        print(f"{name:<30} {counts['right']:>3} of {counts.total():>3}")
    print(f"{'all':<30} {total['right']:>3} of {total.total():>3}  {dict(total)}")
    return total


def test_the_set_covers_every_class_with_enough_cases(knowledge: Knowledge) -> None:
    per_class = Counter(case["rule"] for case in cases(*SEEN) if not case.get("unknown"))
    assert set(per_class) == set(knowledge.documents)
    assert per_class.total() >= 100
    assert min(per_class.values()) >= 4


def test_questions_are_written_once() -> None:
    counted = Counter(case["question"] for case in cases(*SEEN, "heldout"))
    assert [question for question, count in counted.items() if count > 1] == []


@pytest.mark.parametrize("name", [*SEEN, "heldout"])
def test_expectations_are_in_the_taxonomy(knowledge: Knowledge, name: str) -> None:
    for case in cases(name):
        if case.get("unknown"):
            continue
        found = knowledge.canonical(case["major"], case["middle"], case.get("minor"))
        assert (found.major, found.middle) == (case["major"], case["middle"]), case
        assert found.minor == case.get("minor"), case


def test_questions_the_word_list_knows_are_understood(knowledge: Knowledge) -> None:
    total = measured(knowledge, cases(*SEEN))
    assert total["right"] / total.total() >= SEEN_TARGET


def test_minors_are_recognised_where_a_question_names_one(knowledge: Knowledge) -> None:
    named = [case for case in cases(*SEEN) if "minor" in case]
    right = [
        case
        for case in named
        if (item := knowledge.match_item(case["question"])) and item.minor == case["minor"]
    ]
    assert len(right) / len(named) >= SEEN_TARGET


def test_questions_never_used_to_improve_anything(knowledge: Knowledge) -> None:
    total = measured(knowledge, cases("heldout"))
    assert total["right"] / total.total() >= HELD_OUT_TARGET
    assert total["wrong"] / total.total() <= HELD_OUT_WRONG
