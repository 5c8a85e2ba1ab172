"""Which characters a sentence mentions. Pure.

A name counts at the beginning of a word when what is left of the word is grammar: 팩토리는 and
종이 캐릭터 mention characters, 이코노미 and 팩트 don't. Of several names at one place the longest
counts.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left
from collections import defaultdict
from itertools import accumulate
from typing import Final

from services.character.catalogue import Catalogue, Character
from streaming.knowledge.korean import tail_allows

_WORD: Final = re.compile(r"[0-9a-z]+|[가-힣]+")
_FOLLOWS: Final = ("캐릭터", "친구", "님", "한테", "에게")
"""What follows a character's name besides the particles that follow any noun."""


def mentioned(text: str, catalogue: Catalogue) -> list[Character]:
    """Characters in the order they are first mentioned, each once."""
    words: list[str] = _WORD.findall(unicodedata.normalize("NFKC", text).casefold())
    ends = list(accumulate(map(len, words)))
    line = "".join(words)  # names of several words are folded like this, too
    names = _names_by_first_letter(catalogue)
    found: dict[str, Character] = {}
    taken = 0
    for word, end in zip(words, ends, strict=True):
        start = end - len(word)
        if start < taken:
            continue
        for name in names.get(word[0], ()):
            after = start + len(name)
            if not line.startswith(name, start):
                continue
            rest = line[after : ends[bisect_left(ends, after)]]
            if not rest or rest.startswith(_FOLLOWS) or tail_allows(name, rest):
                character = catalogue.by_name[name]
                found.setdefault(character.code, character)
                taken = after
                break
    return list(found.values())


def _names_by_first_letter(catalogue: Catalogue) -> dict[str, list[str]]:
    """Folded names, the longer ones first."""
    names: defaultdict[str, list[str]] = defaultdict(list)
    for name in sorted(catalogue.by_name, key=len, reverse=True):
        names[name[0]].append(name)
    return names
