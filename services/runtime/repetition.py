"""What repeats itself: let a few of a kind pass, and count the rest."""

from __future__ import annotations

import time
from collections.abc import Hashable
from typing import NamedTuple


class _Window(NamedTuple):
    began: float
    passed: int
    left_out: int


_NONE = _Window(float("-inf"), 0, 0)


class Repetitions:
    """Lets `most` of a kind pass in `seconds`. It remembers every kind, so these must be few."""

    def __init__(self, seconds: float, most: int = 1) -> None:
        self._seconds = seconds
        self._most = most
        self._windows: dict[Hashable, _Window] = {}

    def passes(self, kind: Hashable) -> int | None:
        """Whether one more of `kind` passes: None when it does not, else how many had to be left
        out before it.
        """
        now = time.monotonic()
        window = self._windows.get(kind, _NONE)
        if now - window.began >= self._seconds:
            self._windows[kind] = _Window(now, 1, 0)
            return window.left_out
        if window.passed < self._most:
            self._windows[kind] = window._replace(passed=window.passed + 1)
            return 0
        self._windows[kind] = window._replace(left_out=window.left_out + 1)
        return None
