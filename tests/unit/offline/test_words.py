from __future__ import annotations

import pytest

from streaming.knowledge import load
from streaming.model.offline import words

PARTS = ("라벨", "뚜껑", "빨대")


@pytest.mark.parametrize(
    ("question", "seen", "about_a_part"),
    [
        ("라벨은요?", "무색페트병", True),
        ("라벨은 뗐어요", None, True),
        ("라벨은요?", None, False),
        ("우유팩 버려도 돼요?", "무색페트병", False),
    ],
)
def test_a_question_about_a_part_does_not_name_another_thing(
    question: str, seen: str | None, about_a_part: bool
) -> None:
    match = load().match(question)
    assert words.is_about_a_part(match, question, PARTS, seen) is about_a_part
