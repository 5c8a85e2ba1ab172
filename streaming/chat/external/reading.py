"""Taking values out of documents of others: what is not as expected is not there. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

NO_VALUE: Final = frozenset({"", "없음", "해당없음", "해당 없음", "정보없음", "-", "null"})
"""How the data sets write that they have nothing to say."""


def members(value: Any, *path: str) -> Any:
    """What lies at ``path`` of nested objects; None where one is missing."""
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def rows(value: Any) -> list[Mapping[str, Any]]:
    """The objects of a list; a single object counts as one row, anything else as none."""
    if isinstance(value, Mapping):
        return [value]
    if not isinstance(value, list):
        return []
    return [row for row in value if isinstance(row, Mapping)]


def text(row: Mapping[str, Any], name: str) -> str:
    """A text or number as text; empty when it is missing, says that it is, or something else."""
    value = row.get(name)
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    told = " ".join(str(value).split())
    return "" if told in NO_VALUE else told


def number(value: Any) -> float | None:
    """A finite number, also one written as text; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None
