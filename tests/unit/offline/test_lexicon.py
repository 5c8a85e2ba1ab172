from __future__ import annotations

import pytest

from streaming.knowledge import load as load_knowledge
from streaming.knowledge.situations import situations
from streaming.model.offline.lexicon import LexiconError, load, parse

MINIMAL = """
version: "1"
classes: {유리병: 재활용폐기물}
parts: [뚜껑]
decoys: []
terms:
  - {term: 유리, whole: true, for: {유리병: 3}}
"""


def test_classes_are_the_recyclable_ones_of_the_taxonomy() -> None:
    (recyclable,) = (m for m in load_knowledge().taxonomy.majors if m.middles)
    expected = {middle.name: recyclable.name for middle in recyclable.middles}
    assert dict(load().classes) == expected


def test_every_minor_is_an_item_of_its_class() -> None:
    entries = {(middle, name) for _, middle, name in load_knowledge().taxonomy.entries()}
    named = {(middle, minor) for term in load().terms for middle, minor in term.minors.items()}
    assert named - entries == set()


def test_every_situation_tag_is_a_known_one() -> None:
    knowledge = load_knowledge()
    tags = situations().tags
    assert set(knowledge.valid_tags(tags)) == set(tags)


@pytest.mark.parametrize(
    ("entry", "complaint"),
    [
        ("{term: 유리병, for: {유리: 3}}", "unknown class"),
        ("{term: 병, for: {유리병: 3}}", "fewer than six letters"),
        ("{term: 유리그릇, for: {유리병: -1}}", "speaks for nothing"),
        ("{term: 유리, whole: true, for: {유리병: 1}}", "listed twice"),
        ("{term: 유리그릇, pattern: x, for: {유리병: 1}}", "exactly one"),
        ("{term: 유리그릇, fro: 1, for: {유리병: 1}}", "unknown keys"),
    ],
)
def test_a_contradiction_in_the_data_is_named(entry: str, complaint: str) -> None:
    parse(MINIMAL)
    with pytest.raises(LexiconError, match=complaint):
        parse(f"{MINIMAL}  - {entry}\n")


def test_a_class_nothing_decides_for_is_refused() -> None:
    with pytest.raises(LexiconError, match="no term decides"):
        parse(MINIMAL.replace("유리병: 재활용폐기물", "유리병: 재활용폐기물, 종이: 재활용폐기물"))
