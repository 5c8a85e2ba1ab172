"""Cells of a CSV file made clean. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final

NAME_MOST: Final = 200
ADDRESS_MOST: Final = 300
TEXT_MOST: Final = 4000
HOURS_MOST: Final = 500

_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ufeff]")
_BLANK: Final = frozenset(("", "-", "null", "none", "nan", "n/a", "#n/a", "\\n"))
_KEY: Final = re.compile(r"(\d{1,18})(?:\.0+)?")


class RowRejectedError(ValueError):
    """A row no place can be made of; the message is the reason."""


class Cells:
    """The cells of a row by column; a column that the file does not have is blank."""

    __slots__ = ("_cells", "_columns")

    def __init__(self, cells: Sequence[str], columns: Mapping[str, int]) -> None:
        self._cells = cells
        self._columns = columns

    def text(self, column: str, most: int = TEXT_MOST) -> str | None:
        """The text of a cell, at most so many characters of it; None when it says nothing."""
        raw = self.raw(column)
        return shortened(_cleaned(raw), most) if raw else None

    def line(self, column: str, most: int = ADDRESS_MOST) -> str | None:
        """The text of a cell as one line."""
        raw = self.raw(column)
        return as_line(raw, most) if raw else None

    def raw(self, column: str) -> str:
        """A cell as it is; empty when it is missing."""
        place = self._columns.get(column)
        return "" if place is None else self._cells[place]

    def key(self, column: str) -> str:
        """The digits that identify the row, a spreadsheet's ``.0`` dropped."""
        found = _KEY.fullmatch(self.raw(column).strip())
        if found is None:
            raise RowRejectedError(f"{column} is no number")
        return found[1]


@lru_cache(maxsize=16_384)  # cells repeat: hours, notes, blanks
def _cleaned(value: str) -> str:
    """A cell without control characters and white space around it; empty when it says nothing."""
    if not value.isprintable():
        value = _CONTROL.sub("", value)
    value = value.strip()
    return "" if value.lower() in _BLANK else value


def as_line(value: str, most: int) -> str | None:
    """What a cell says as one line, at most so many characters; None when it says nothing."""
    return shortened(" ".join(_cleaned(value).split()), most)


def shortened(text: str, most: int) -> str | None:
    """At most so many characters of a text; None when it is empty."""
    if not text:
        return None
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"
