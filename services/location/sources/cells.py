"""Cells of a CSV file made clean. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
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

    def __init__(self, row: Mapping[str, str]) -> None:
        self._row = row

    def text(self, column: str, most: int = TEXT_MOST) -> str | None:
        """The text of a cell, at most so many characters of it; None when it says nothing."""
        return shortened(_cleaned(self._row.get(column) or ""), most)

    def line(self, column: str, most: int = ADDRESS_MOST) -> str | None:
        """The text of a cell as one line."""
        return shortened(" ".join(_cleaned(self._row.get(column) or "").split()), most)

    def raw(self, column: str) -> str:
        """A cell as it is; empty when it is missing."""
        return self._row.get(column) or ""

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


def shortened(text: str, most: int) -> str | None:
    """At most so many characters of a text; None when it is empty."""
    if not text:
        return None
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"
