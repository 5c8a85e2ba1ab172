"""Korean mobile numbers, as people type them and as they are kept. Pure."""

from __future__ import annotations

import re
from typing import Final

_NOT_A_DIGIT: Final = re.compile(r"[^0-9]")
COUNTRY: Final = "82"


def formatted(text: str) -> str:
    """The number with hyphens, such as ``010-1234-5678``; ValueError for any other number.

    Everything but digits is dropped. The country code, told by at least eleven digits, stands for
    the leading zero. Numbers of 010 have eleven digits, those of the older 01x ten
    (Korea's numbering plan).
    """
    digits = _NOT_A_DIGIT.sub("", text)
    if digits.startswith(COUNTRY) and len(digits) >= 11:
        digits = "0" + digits.removeprefix(COUNTRY)
    if len(digits) == 11 and digits.startswith("010"):
        return f"{digits[:3]}-{digits[3:7]}-{digits[7:]}"
    if len(digits) == 10 and digits.startswith("01"):
        return f"{digits[:3]}-{digits[3:6]}-{digits[6:]}"
    raise ValueError("not a Korean mobile number")
