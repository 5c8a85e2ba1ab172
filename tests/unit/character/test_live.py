"""What replicas show while statements arrive one by one, late, twice or in any order."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from services.character.catalogue import Character, problems
from services.character.catalogue_file import released
from services.character.changes import Stated, difference, in_order
from services.character.live import LiveCatalogue

CODES = ("char-a", "char-b", "char-c", "char-d")
LABELS = ("종이", "금속류", "유리병")


@st.composite
def catalogues(draw: st.DrawFn) -> list[Character]:
    """Small catalogues that keep the rules and get in each other's way."""
    codes = draw(st.permutations(CODES))[: draw(st.integers(1, len(CODES)))]
    labels = [None, *draw(st.permutations(LABELS))][: len(codes)]
    names = draw(st.permutations(("가", "나", "다", "라")))
    return [
        Character(code, name, "type", draw(st.sampled_from(("x", "y"))), label)
        for code, name, label in zip(codes, names, labels, strict=False)
    ]


def history(wanted: list[list[Character]]) -> tuple[dict[str, Stated], list[Stated]]:
    """The database after these synchronisations, and everything that was stated on the way."""
    known: dict[str, Stated] = {}
    told: list[Stated] = []
    for revision, characters in enumerate(wanted, start=1):
        _, stated = difference(known, characters, revision)
        known |= {each.character.code: each for each in stated}
        told += stated
    return known, told


@settings(max_examples=150)
@given(st.lists(catalogues(), min_size=1, max_size=4), st.data())
def test_replicas_end_alike_and_never_show_a_broken_catalogue(
    wanted: list[list[Character]], data: st.DataObject
) -> None:
    known, told = history(wanted)
    assert in_order(known.values()) == wanted[-1]
    live = LiveCatalogue(released())
    again = data.draw(st.lists(st.sampled_from(told), max_size=4))
    for stated in data.draw(st.permutations(told + again)):
        live.learn([Stated.of(stated.message())])
        assert not problems(live.current.characters)
    assert list(live.current.characters) == wanted[-1]


@given(catalogues(), catalogues())
def test_a_second_synchronisation_changes_nothing(
    first: list[Character], second: list[Character]
) -> None:
    known, _ = history([first, second])
    assert difference(known, second, 9) == ([], [])


def test_changes_say_what_happens_to_each_character() -> None:
    known, _ = history([list(released().characters)])
    eco, paepy, *others = released().characters
    new = Character("char-new", "새친구", "t", "d", "대형")
    wanted = [eco, replace(others[0], dialog="다른 말"), *others[1:], new]
    changes, stated = difference(known, wanted, 2)
    actions = {change.code: (change.action, change.fields) for change in changes}
    assert actions[paepy.code] == ("retired", ())
    assert actions["char-new"] == ("added", ())
    assert actions[others[0].code] == ("changed", ("dialog", "position"))
    assert all(each.revision == 2 for each in stated)
    gone = {each.character.code: each for each in stated if each.retired}
    assert gone.keys() == {paepy.code}, "it stays as a statement"
    back, _ = difference(known | gone, list(released().characters), 3)
    assert [change.action for change in back if change.code == paepy.code] == ["restored"]


def test_records_that_can_not_be_read_are_passed_over() -> None:
    live = LiveCatalogue(released())
    _, told = history([[released().default]])
    values: list[Any] = [b"\xff\xff", None, b"", told[0].message().SerializeToString()]
    live.take([SimpleNamespace(value=value, offset=n) for n, value in enumerate(values)])
    assert [character.code for character in live.current.characters] == ["char-eco"]
    assert live.in_topic == {"char-eco": 1}
