"""What a question looks for on a map, as words to search by. Pure.

A question for a place is mostly the place's name or kind, with words around it that any such
question has: "근처 약국 어디 있어?" asks for 약국. What is left when those are taken away is what
is searched, so that no list of kinds has to be complete.
"""

from __future__ import annotations

import re
from typing import Final

MOST_CHARACTERS: Final = 30
"""Longer remains are no name."""

_KINDS: Final = "가게|매장|상점|샵|숍|센터"
"""Words that mean a place of any kind; they belong to the name before them: 중고 가게."""

_AROUND: Final = re.compile(
    r"(?:이|그|저|이거|그거|그건|내|제|나|우리|집|회사|학교|지금|현재|오늘|혹시|제일|가장|좀|더|또|그리고|"
    r"근데|한|하나|몇|수|근처|주변|근방|인근|주위|앞|옆|바로|동네|지역|여기|거기|이쪽|곳|데|쪽|장소|위치|지도|길|거리|정보|"
    rf"{_KINDS})"
    r"(?:은|는|이|가|을|를|도|에|에서|에는|에도|서|의|로|으로|만|나|요|야|들|중에|중에서)?"
)
"""Words that any such question has, with their particles."""

_ASKING: Final = re.compile(
    r"(?:가까[운이]|알려|알아봐|찾|추천|어디|어딨|있|없|보여|가르쳐|말해|궁금|싶|부탁|안내|받아|괜찮)\S*|"
    r"가는|갈|갈만한|가려면|가려고|가고|해|해줘|해요|해주세요|할|할까|할까요|되나|되나요|될까|될까요|돼|돼요|"
    r"줘|줘요|주세요|줄래|뭐|뭐가|무슨|어떤|어느|좋은"
)
"""Verbs and question words; what names begin with too (해운대, 갈비) only as it stands."""

_KIND: Final = re.compile(_KINDS)
_PARTICLE: Final = re.compile(
    r"(?<=[가-힣]{2})(?:은|는|이|가|을|를|도|에|에서|에는|의|로|으로|이랑|랑|이나|나|인데|이요|요)$"
)
_NO_PARTICLE: Final = re.compile(r"(?:어린이|놀이|종이|고양이)$")
_SIGNS: Final = re.compile(r"[^\w\s·&'-]+")


def wanted(question: str) -> str:
    """The words to search by; empty when the question names nothing."""
    left: list[str] = []
    for word in _SIGNS.sub(" ", question).split():
        usual = _AROUND.fullmatch(word) or _ASKING.fullmatch(word)
        if usual and not (left and _KIND.match(word)):
            continue
        left.append(word if _NO_PARTICLE.search(word) else _PARTICLE.sub("", word))
    found = " ".join(left)
    return found if len(found) <= MOST_CHARACTERS else ""
