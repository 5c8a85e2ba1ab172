"""The catalogue as people write it: a YAML file, read with the line of everything that is wrong.

A file has ``version: 1`` and ``characters``, a list of mappings with ``code``, ``name``, ``type``,
``dialog``, then either ``match`` or ``default: true``, and optionally ``aliases``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Final

import yaml

from services.character.catalogue import (
    LENGTHS,
    MOST_CHARACTERS,
    Catalogue,
    Character,
    problems,
)

RELEASED: Final = Path(__file__).with_name("catalogue.yaml")
"""The catalogue of this release."""

MOST_BYTES: Final = 512 * 1024
"""Largest file that is read; 500 characters need some 150 kB."""

VERSION: Final = "1"
MOST_FAULTS: Final = 20
"""So many are told at once."""

DEEPEST: Final = 8
"""Lists and mappings in each other; a catalogue has four."""

MOST_VALUES: Final = 30_000
"""Keys and values of a file: 60 for each of 500 characters, who need 12 and their aliases. As many
as fit into the bytes would take seconds to read."""

_TEXTS: Final = ("code", "name", "type", "dialog")
_FIELDS: Final = frozenset({*_TEXTS, "match", "default", "aliases"})
_MAPPING: Final = "tag:yaml.org,2002:map"
_STRING: Final = "tag:yaml.org,2002:str"
_BOOL: Final = "tag:yaml.org,2002:bool"


@dataclass(frozen=True, slots=True)
class Fault:
    """Something wrong with a file."""

    line: int
    """From 1."""
    text: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.text}"


class CatalogueFileError(Exception):
    """The file can't be used; the text has a line for each fault."""

    def __init__(self, faults: list[Fault]) -> None:
        shown = sorted(faults, key=lambda fault: fault.line)
        more = [f"and {len(shown) - MOST_FAULTS} more"] if len(shown) > MOST_FAULTS else []
        super().__init__("\n".join([*map(str, shown[:MOST_FAULTS]), *more]))
        self.faults = tuple(shown)


def read(path: Path) -> list[Character]:
    """Characters of a file; CatalogueFileError when it can't be used, OSError when not read."""
    with path.open("rb") as file:
        data = file.read(MOST_BYTES + 1)
    return parse(data)


@cache
def released() -> Catalogue:
    """The catalogue of this release."""
    return Catalogue.of(read(RELEASED))


def parse(data: bytes) -> list[Character]:
    """Characters of a file's bytes; CatalogueFileError when they can't be used."""
    if len(data) > MOST_BYTES:
        raise CatalogueFileError([Fault(1, f"the file has more than {MOST_BYTES} bytes")])
    reading = _Reading()
    characters = list(reading.document(_composed(data)))
    if not reading.faults:
        for problem in problems(characters):
            line = 1 if problem.index is None else reading.line(problem.index, problem.field)
            what = f"{problem.field}: {problem.text}" if problem.field else problem.text
            reading.faults.append(Fault(line, what))
    if reading.faults:
        raise CatalogueFileError(reading.faults)
    return characters


def _composed(data: bytes) -> yaml.Node | None:
    try:
        text = data.decode()
        if fault := _too_much(text):
            raise CatalogueFileError([fault])
        node: yaml.Node | None = yaml.compose(text, Loader=yaml.CSafeLoader)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise CatalogueFileError([Fault(line, "not UTF-8")]) from None
    except yaml.reader.ReaderError as error:
        line = data.decode().count("\n", 0, error.position) + 1
        raise CatalogueFileError([Fault(line, "a character that YAML does not allow")]) from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        line = 1 if mark is None else mark.line + 1
        raise CatalogueFileError([Fault(line, f"not YAML: {error.problem}")]) from None
    except yaml.YAMLError as error:
        raise CatalogueFileError([Fault(1, f"not YAML: {type(error).__name__}")]) from None
    return node


def _too_much(text: str) -> Fault | None:
    """A fault where there are more values than in any catalogue, or where lists and mappings stand
    deeper in each other: the library composes them by recursion, on the stack of the process.
    """
    depth = values = 0
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        values += isinstance(event, yaml.NodeEvent)
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > DEEPEST or values > MOST_VALUES:
            mark = event.start_mark
            line = 1 if mark is None else mark.line + 1
            if depth > DEEPEST:
                return Fault(line, "nested too deeply for a catalogue")
            return Fault(line, f"more than {MOST_VALUES} keys and values")
    return None


@dataclass
class _Reading:
    """What has been found wrong so far, and where the fields of each character stand."""

    faults: list[Fault] = field(default_factory=list)
    lines: list[dict[str, int]] = field(default_factory=list)

    def line(self, index: int, name: str) -> int:
        """Line of a character's field, else of the character."""
        lines = self.lines[index]
        return lines.get(name, lines[""])

    def document(self, node: yaml.Node | None) -> Iterator[Character]:
        """Characters as far as they can be read."""
        if node is None:
            self._fault(None, "the file is empty")
            return
        members = self._members(node, {"version", "characters"})
        version = members.get("version")
        if members and (version is None or version.value != VERSION):
            self._fault(version or node, f"version must be {VERSION}")
        listed = members.get("characters")
        if members and listed is None:
            self._fault(node, "characters is missing")
        if listed is None:
            return
        if not isinstance(listed, yaml.SequenceNode):
            self._fault(listed, "characters must be a list")
        elif len(listed.value) > MOST_CHARACTERS:
            self._fault(listed, f"characters must be at most {MOST_CHARACTERS}")
        else:
            for entry in listed.value:
                character = self._character(entry)
                if character is not None:
                    yield character

    def _character(self, node: yaml.Node) -> Character | None:
        before = len(self.faults)
        members = self._members(node, _FIELDS)
        self.lines.append(
            {"": _line(node)} | {name: _line(value) for name, value in members.items()}
        )
        if not members:
            return None
        texts = {name: self._text(members[name], name) for name in _TEXTS if name in members}
        if missing := [name for name in _TEXTS if name not in members]:
            self._fault(node, f"{', '.join(missing)} missing")
        match = self._text(members["match"], "match") if "match" in members else None
        default = "default" in members and self._flag(members["default"], "default")
        if default == (match is not None):
            self._fault(members.get("default", node), "needs either match or default: true")
        aliases = self._texts(members["aliases"], "aliases") if "aliases" in members else ()
        if len(self.faults) > before:
            return None
        aliases = tuple(dict.fromkeys(alias for alias in aliases if alias != texts["name"]))
        return Character(**texts, match=match, aliases=aliases)

    def _members(self, node: yaml.Node, known: frozenset[str] | set[str]) -> dict[str, yaml.Node]:
        """Members of a mapping by name; none, with a fault, for anything else."""
        if not isinstance(node, yaml.MappingNode) or node.tag != _MAPPING:
            self._fault(node, "must be a mapping")
            return {}
        members: dict[str, yaml.Node] = {}
        for key, value in node.value:
            name = str(key.value) if isinstance(key, yaml.ScalarNode) else None
            if name is None or name not in known:
                self._fault(
                    key, f"{_shown(name)} is not known; there are {', '.join(sorted(known))}"
                )
            elif name in members:
                self._fault(key, f"{name} is given twice")
            else:
                members[name] = value
        return members

    def _text(self, node: yaml.Node, name: str) -> str:
        if not isinstance(node, yaml.ScalarNode) or node.tag != _STRING:
            self._fault(node, f"{name} must be a text")
            return ""
        text: str = node.value
        return text.strip() if name == "dialog" else text  # folded block texts end with a newline

    def _texts(self, node: yaml.Node, name: str) -> tuple[str, ...]:
        if not isinstance(node, yaml.SequenceNode):
            self._fault(node, f"{name} must be a list of texts")
            return ()
        return tuple(self._text(each, name) for each in node.value)

    def _flag(self, node: yaml.Node, name: str) -> bool:
        if not isinstance(node, yaml.ScalarNode) or node.tag != _BOOL:
            self._fault(node, f"{name} must be true or false")
            return False
        return bool(node.value.casefold() in ("true", "yes", "on"))

    def _fault(self, node: yaml.Node | None, text: str) -> None:
        self.faults.append(Fault(1 if node is None else _line(node), text))


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _shown(name: object) -> str:
    """A name from the file, cut to what fits in a message."""
    return repr(name)[: max(LENGTHS.values())] if isinstance(name, str) else "a key that is no text"
