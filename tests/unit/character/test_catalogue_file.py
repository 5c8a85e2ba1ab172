"""A catalogue file is either taken whole, or refused with the line of everything that is wrong."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.character.catalogue_file import (
    MOST_BYTES,
    MOST_VALUES,
    RELEASED,
    CatalogueFileError,
    parse,
)

GOOD = """\
version: 1
characters:
  - code: char-eco
    name: 이코
    type: 도우미
    dialog: >
      반가워,
      나는 이코야!
    default: true
  - code: char-petty
    name: 페티
    type: 페트병
    dialog: 안녕
    match: 무색페트병
    aliases: [페티, pet]
"""


def faults(text: str | bytes) -> list[str]:
    with pytest.raises(CatalogueFileError) as refusal:
        parse(text.encode() if isinstance(text, str) else text)
    return str(refusal.value).splitlines()


def test_a_good_file_is_read_as_it_stands() -> None:
    eco, petty = parse(GOOD.encode())
    assert (eco.code, eco.match, eco.dialog) == ("char-eco", None, "반가워, 나는 이코야!")
    assert petty.aliases == ("pet",), "its own name is no alias"


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("name: 페티", "nmae: 페티", "line 11: 'nmae' is not known"),
        ("    name: 페티\n", "", "line 10: name missing"),
        ("char-petty", "char-eco", "line 10: code: 'char-eco' is used 2 times"),
        ("char-petty", "Petty!", 'line 10: code: must be like "char-petty"'),
        ("name: 페티", "name: 이 코", "line 11: name: '이 코' is what characters[0] goes by"),
        ("[페티, pet]", "[이코]", "line 15: aliases: '이코' is what characters[0] goes by"),
        ("[페티, pet]", "pet", "line 15: aliases must be a list"),
        ("[페티, pet]", "[7]", "line 15: aliases must be a text"),
        ("[페티, pet]", f"[{'a' * 33}]", "line 15: aliases: must have at most 32"),
        ("    match: 무색페트병\n", "", "needs either match or default: true"),
        ("default: true", "match: 무색페트병", "match: '무색페트병' is used 2 times"),
        ("default: true", "match: 종이", "one must be the default character, and none is"),
        ("    match: 무색페트병", "    default: true", "line 10: match: a second default"),
        ("dialog: 안녕", "dialog: 12", "line 13: dialog must be a text"),
        ("dialog: 안녕", "dialog: [안녕]", "line 13: dialog must be a text"),
        ("dialog: 안녕", 'dialog: " "', "line 13: dialog: must not be blank"),
        ("dialog: 안녕", 'dialog: "a\\0b"', "line 13: dialog: must not contain control"),
        ("dialog: 안녕", f"dialog: {'가' * 501}", "line 13: dialog: must have at most 500"),
        ("dialog: 안녕", "dialog: 안녕\n    dialog: 또", "line 14: dialog is given twice"),
        ("default: true", "default: 예", "line 9: default must be true or false"),
        ("version: 1", "version: 2", "line 1: version must be 1"),
        ("version: 1\n", "", "version must be 1"),
        ("version: 1", "version: 1\nmore: x", "line 2: 'more' is not known"),
        ("characters:", "characters: 5\nx:", "characters must be a list"),
    ],
)
def test_a_fault_is_told_with_its_line_and_field(old: str, new: str, says: str) -> None:
    assert old in GOOD
    told = faults(GOOD.replace(old, new))
    assert any(says in line for line in told), told


def test_several_faults_are_told_at_once_in_the_order_of_lines() -> None:
    told = faults(GOOD.replace("name: 이코", "nam: x").replace("dialog: 안녕", "dialog: 1"))
    assert [line.split(":")[0] for line in told] == ["line 3", "line 4", "line 13"]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xfe\x00",
        b"a: \xed\xa0\x80",
        "캐릭터".encode("cp949"),
        b"\0\0\0",
        b"- a\n- b",
        b"just words",
        b"a: [",
        b"a: &x [*x]",
        b"version: 1\ncharacters: &a\n  - *a",
        b"? {a: b}\n: c",
        b"--- 1\n--- 2",
        b"!!python/object/apply:os.system ['true']",
        b"[" * 200_000,
        b"{a: " * 100_000,
        b"- " * 200_000,
        b"x" * (MOST_BYTES + 1),
        b"a: b\n" * (MOST_BYTES // 5),
        b"version: 1\ncharacters:\n" + b"- {}\n" * 501,
        b"version: 1\ncharacters: []",
    ],
    ids=range(20),
)
def test_nonsense_is_refused(data: bytes) -> None:
    told = faults(data)
    assert 1 <= len(told) <= 21
    assert all(len(line) < 1000 for line in told)


def test_a_flood_of_values_is_read_no_further_than_a_catalogue_goes() -> None:
    [told] = faults(b"a: b\n" * (MOST_BYTES // 5))
    assert told == f"line {MOST_VALUES // 2}: more than {MOST_VALUES} keys and values"


@settings(max_examples=150)
@given(st.data())
def test_damage_never_leads_to_anything_but_characters_or_faults(data: st.DataObject) -> None:
    text = bytearray(GOOD.encode())
    for _ in range(data.draw(st.integers(1, 5))):
        at = data.draw(st.integers(0, len(text) - 1))
        text[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    with contextlib.suppress(CatalogueFileError):
        assert parse(bytes(text))


def test_the_catalogue_of_the_release_is_a_good_file() -> None:
    assert len(parse(RELEASED.read_bytes())) == 13
