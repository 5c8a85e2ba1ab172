"""Phone numbers out of free text. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

_GAP: Final = r"[\s.)\-]{0,3}"
_NUMBER: Final = re.compile(
    rf"(?<![\d-])(?:(?P<abroad>\+?82){_GAP}\(?0?|\(?0)\d{{1,3}}{_GAP}\d{{3,4}}{_GAP}\d{{4}}(?!\d)"
    rf"|(?<![\d-])1[5-9]\d{{2}}{_GAP}\d{{4}}(?!\d)"
)
"""An area code or +82, and two groups; or a nation-wide number such as 1599-0903."""

_DIGITS: Final = re.compile(r"\d+")
_SEOUL: Final = "02"
_PERSONAL: Final = "050"
_MOST_DIGITS: Final = 12


def first_number(texts: Iterable[str | None]) -> str | None:
    """The first phone number in the texts, with hyphens; None when there is none."""
    for text in texts:
        for found in _NUMBER.finditer(text) if text else ():
            digits = "".join(_DIGITS.findall(found[0]))
            if found["abroad"]:
                digits = "0" + digits.removeprefix("82").removeprefix("0")
            if number := hyphenated(digits):
                return number
    return None


def hyphenated(digits: str) -> str | None:
    """Digits with the hyphens of a Korean phone number; None when they are no such number.

    The code (02 for Seoul, four digits for 050x, else three), three or four digits, and four; the
    nation-wide 15xx to 19xx have no code.
    """
    if len(digits) == 8 and digits[0] == "1":
        return f"{digits[:4]}-{digits[4:]}"
    if not digits.startswith("0") or len(digits) > _MOST_DIGITS:
        return None
    code = 2 if digits.startswith(_SEOUL) else 4 if digits.startswith(_PERSONAL) else 3
    rest = digits[code:]
    if len(rest) not in (7, 8):
        return None
    return f"{digits[:code]}-{rest[:-4]}-{rest[-4:]}"
