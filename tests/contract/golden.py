"""Shapes of answers, kept in ``golden/*.json`` and compared member by member.

A shape is the answer with every leaf replaced by what kind of value it is: names and nulls stay,
the elements of an array become one element that shows the members of all of them.
``pytest --update-golden tests/contract`` writes the files anew; their diff is the change of the
contract.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from functools import reduce
from pathlib import Path
from typing import Any, Final

FOLDER: Final = Path(__file__).with_name("golden")

_KINDS: Final = (
    ("uuid", re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")),
    ("datetime", re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")),
    ("url", re.compile(r"https?://\S+")),
)


def shape(value: Any) -> Any:
    """The shape of a JSON value."""
    if isinstance(value, dict):
        return {name: shape(member) for name, member in value.items()}
    if isinstance(value, list):
        return [merged(shape(item) for item in value)] if value else []
    if value is None:
        return None
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer"
    if isinstance(value, float):
        return "number"
    return next((kind for kind, form in _KINDS if form.fullmatch(value)), "string")


def merged(shapes: Iterable[Any]) -> Any:
    """One shape for the elements of an array."""
    return reduce(_both, shapes)


def _both(one: Any, other: Any) -> Any:
    if isinstance(one, dict) and isinstance(other, dict):
        return dict(_members(one, other))
    if isinstance(one, list) and isinstance(other, list):
        elements = [*one, *other]
        return [merged(elements)] if elements else []
    return one if one == other else " | ".join(sorted(_kinds(one) | _kinds(other)))


def _members(one: Any, other: Any) -> Iterator[tuple[str, Any]]:
    """Members of two objects; one that either lacks has a question mark behind its name."""
    for name in dict.fromkeys(key.rstrip("?") for key in (*one, *other)):
        held = [
            (key, each[key]) for each in (one, other) for key in (name, f"{name}?") if key in each
        ]
        everywhere = len(held) == 2 and not any(key.endswith("?") for key, _ in held)
        yield (name if everywhere else f"{name}?"), merged(value for _, value in held)


def _kinds(value: Any) -> set[str]:
    if isinstance(value, dict | list):
        return {type(value).__name__}
    return set(str(value).split(" | "))


def fits(found: Any, kept: Any) -> bool:
    """Whether an answer's shape is one that the kept shape allows.

    What the kept shape marks as optional may be missing, of alternatives any may come, and an
    array may be empty. Nothing else may differ.
    """
    if isinstance(found, dict) and isinstance(kept, dict):
        known = {name.rstrip("?"): name for name in kept}
        given = {name.rstrip("?"): shape for name, shape in found.items()}
        optional = {plain for plain, name in known.items() if name.endswith("?")}
        return (
            given.keys() <= known.keys()
            and known.keys() - given.keys() <= optional
            and all(fits(shape, kept[known[name]]) for name, shape in given.items())
        )
    if isinstance(found, list) and isinstance(kept, list):
        return not found or (bool(kept) and fits(found[0], kept[0]))
    return _kinds(found) <= _kinds(kept)


def compare(name: str, answer: Any, *, update: bool) -> None:
    """Assert that a document fits ``golden/<name>.json``; write that file when `update`."""
    path = FOLDER / f"{name}.json"
    if update:
        FOLDER.mkdir(exist_ok=True)
        text = json.dumps(answer, ensure_ascii=False, indent=2) + "\n"
        path.write_text(text, encoding="utf-8")
        return
    assert path.is_file(), f"{path} is missing; pytest --update-golden tests/contract writes it"
    kept = json.loads(path.read_text(encoding="utf-8"))
    assert fits(answer, kept), f"{name} has changed: {json.dumps(answer, ensure_ascii=False)}"
