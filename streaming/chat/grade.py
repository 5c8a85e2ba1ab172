"""How good an answer is: five axes, a score, a grade. Pure.

A model grades where one is there; :func:`by_rule` is the transparent stand-in. Its axes are shares
that can be counted, not opinions: what of the answer stands in the material, how much of the
question comes back in it, how many questions found something, whether a danger is named.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from streaming.chat.aggregate import is_own
from streaming.chat.worked import Worked

WEIGHTS: Final = {
    "faithfulness": 0.30,
    "relevance": 0.25,
    "completeness": 0.20,
    "safety": 0.15,
    "communication": 0.10,
}
HAZARD_WEIGHTS: Final = WEIGHTS | {"safety": 0.25, "completeness": 0.15, "communication": 0.05}
"""For hazardous waste."""

_GRADES: Final = ((90.0, "S"), (75.0, "A"), (55.0, "B"))

_HAZARD: Final = re.compile(
    "건전지|배터리|부탄|가스|형광등|수은|깨진|깨졌|유리 ?조각|약품|의약|농약|페인트|라이터|살충제"
)
_CAUTION: Final = re.compile("조심|주의|안전|위험|싸서|감싸|신문지|전용|수거함|구멍|비우|완전히")
_WORD: Final = re.compile(r"[가-힣]{2,}|[A-Za-z]{2,}|\d+")
_POLITE: Final = re.compile(r"(?:요|다|죠)[.!?~]?(?:\s|$)")

FAITHFUL_SHARE: Final = 0.35
"""Share of an answer's word stems in the material that counts as fully faithful: the rest is
grammar and the assistant's own phrases."""

LONGEST: Final = 1500
SHORTEST: Final = 15


@dataclass(frozen=True, slots=True)
class Grade:
    """The verdict."""

    score: float
    """0–100."""
    grade: str
    """``S``, ``A``, ``B`` or ``C``."""


def grade(axes: Mapping[str, float], *, hazardous: bool) -> Grade:
    """The grade from the axes, each 0–100."""
    weights = HAZARD_WEIGHTS if hazardous else WEIGHTS
    # the hazard weights add up to 1.0 as well: .30 + .25 + .15 + .25 + .05
    score = sum(weights[axis] * axes[axis] for axis in weights)
    score = round(min(100.0, max(0.0, score)), 1)
    return Grade(score, next((name for least, name in _GRADES if score >= least), "C"))


def is_hazardous(question: str) -> bool:
    """Whether a question is about something that can hurt."""
    return _HAZARD.search(question) is not None


def by_rule(question: str, answer: str, worked: Worked) -> dict[str, float]:
    """The axes as they can be counted."""
    told = _stems(answer)
    facts = " ".join(f"{r.context} {r.answer} {r.attachment}" for r in worked.results.values())
    known = _stems(facts)
    asked = _stems(question)
    numbers = [word for word in told if word.isdigit()]
    if not known:
        faithful = 60.0 if not numbers else 40.0
    else:
        faithful = min(1.0, len(told & known) / max(1, len(told)) / FAITHFUL_SHARE) * 100
        if any(number not in known for number in numbers):
            faithful -= 15  # an amount or a number that nobody found
    relevance = 60.0 + 40.0 * (len(asked & told) / len(asked) if asked else 1.0)
    found = [
        any(r.available and (r.context or r.answer) for n, r in worked.results.items()
            if is_own(worked, n))
    ]  # fmt: skip
    completeness = 100.0 if all(found) else 55.0
    safe = not is_hazardous(question) or _CAUTION.search(answer) is not None
    length = len(answer.strip())
    readable = 100.0 if _POLITE.search(answer) else 70.0
    if not SHORTEST <= length <= LONGEST:
        readable -= 30
    return {
        "faithfulness": max(0.0, faithful),
        "relevance": relevance,
        "completeness": completeness,
        "safety": 100.0 if safe else 40.0,
        "communication": readable,
    }


def _stems(text: str) -> set[str]:
    """Word stems: the first two syllables of Korean words, the particles gone."""
    return {word[:2] if "가" <= word[0] <= "힣" else word.lower() for word in _WORD.findall(text)}
