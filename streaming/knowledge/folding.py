"""Making two spellings of one word equal.

Folding keeps letters and digits only (no spaces, ``·``, ``/``, brackets), ignores case and width,
and applies the spelling pairs of the taxonomy (``1회용`` → ``일회용``). It is idempotent: every
pair takes a character away that no pair puts back, so repeating it comes to an end.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable


class Folder:
    """Folds text by a fixed list of spelling pairs."""

    def __init__(self, pairs: Iterable[tuple[str, str]] = ()) -> None:
        """Take the pairs as written in the data file; their sides are folded here.

        Raises ValueError when a pair could make folding run for ever.
        """
        self._replacements = {_plain(old): _plain(new) for old, new in pairs}
        put_back = set("".join(self._replacements.values()))
        for old, new in self._replacements.items():
            if not set(old) - put_back:
                raise ValueError(
                    f"{old!r} → {new!r}: the left side needs a character that no right side has"
                )
        longest_first = sorted(self._replacements, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest_first)) or r"(?!)")

    def __call__(self, text: str) -> str:
        """Fold ``text``; the result may be empty."""
        folded = _plain(text)
        while True:
            replaced = self._pattern.sub(lambda hit: self._replacements[hit.group()], folded)
            replaced = _plain(replaced)  # a replaced syllable may join a stray jamo after it
            if replaced == folded:
                return folded
            folded = replaced


def _plain(text: str) -> str:
    """Letters and digits of ``text``, compatibility-normalised and caseless."""
    if text.isascii():
        return "".join(filter(str.isalnum, text.casefold()))
    while True:
        folded = unicodedata.normalize("NFKC", text.casefold())
        folded = "".join(filter(str.isalnum, folded))
        if folded == text:
            return folded
        text = folded
