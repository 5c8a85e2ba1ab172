"""Wording what to do, from the rule document alone. Pure; what the user reads is Korean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

from streaming.knowledge import NotAccepted, RuleDocument
from streaming.knowledge.particles import direction, topic
from streaming.model.provider import Vision

UNCLASSIFIED: Final = "미분류"
MOST_STEPS: Final = 10
"""A client knows the keys 단계1 to 단계10."""

_SURE: Final = 0.6
"""Confidence from which the answer is given without a reservation."""

ASK_FOR_MORE: Final = (
    "사진만으로는 무엇인지 알 수 없었어요. 분리배출 표시나 라벨의 글자가 또렷이 보이게 다시 "
    "찍거나, '우유팩', '건전지'처럼 물건 이름을 한 단어로 알려 주세요."
)
CANNOT_TELL: Final = (
    "사진에서 분리배출 표시나 알아볼 만한 글자를 찾지 못했어요. 잘못 안내해 드리지 않으려고 답을 "
    "미룰게요. 표시가 보이는 사진이나 물건 이름을 보내 주시면 바로 알려 드릴게요!"
)
NO_RULE: Final = "이 물건의 배출 규정을 찾지 못했어요. 거주지 주민센터에 확인해 주세요."
SORRY: Final = "죄송해요, 이 물건에 맞는 배출 규정을 아직 가지고 있지 않아요."


class Rules(Protocol):
    """What is asked about a rule document; :class:`streaming.knowledge.Knowledge` answers."""

    def steps(
        self,
        document: RuleDocument,
        *,
        minor: str | None = None,
        tags: tuple[str, ...] = (),
        text: str = "",
    ) -> tuple[str, ...]:
        """The steps for one thing."""
        ...

    def redirect(self, document: RuleDocument, item: str) -> NotAccepted | None:
        """The entry that refuses the item; None when it is welcome."""
        ...


@dataclass(frozen=True, slots=True)
class Wording:
    """The three parts of an answer."""

    steps: tuple[str, ...]
    insufficiencies: tuple[str, ...]
    user_answer: str


def _name(vision: Vision) -> str:
    name = vision.minor or vision.middle
    return name.partition("(")[0].strip() or name


def _refused(vision: Vision, entry: NotAccepted) -> Wording:
    where = entry.where
    step = f"{topic(_name(vision))} 여기에 넣지 말고 {direction(where)} 배출해 주세요."
    if entry.guidance:
        step = f"{topic(_name(vision))} 여기에 넣지 않아요. {entry.guidance}"
    return Wording((step,), (), step)


def worded(vision: Vision, rule: RuleDocument | None, question: str, rules: Rules) -> Wording:
    """Steps, what is still missing, and about three sentences for the user."""
    if vision.major == UNCLASSIFIED:
        return Wording((), (ASK_FOR_MORE,), CANNOT_TELL)
    if rule is None:
        return Wording((), (NO_RULE,), SORRY)
    refused = rules.redirect(rule, vision.minor) if vision.minor else None
    if refused is not None:
        return _refused(vision, refused)
    steps = rules.steps(rule, minor=vision.minor, tags=vision.situation_tags, text=question)
    lacks = rule.lacking(vision.situation_tags)
    return Wording(steps[:MOST_STEPS], lacks, _user_answer(vision, rule, steps, lacks))


def _user_answer(
    vision: Vision, rule: RuleDocument, steps: tuple[str, ...], lacks: tuple[str, ...]
) -> str:
    name = _name(vision)
    title = rule.title
    if name == title or name == rule.key:
        first = f"{direction(title)} 배출하면 돼요."
    else:
        first = f"{topic(name)} {direction(title)} 배출하면 돼요."
    if vision.confidence is not None and vision.confidence < _SURE:
        first = f"확실하지는 않지만, {first}"
    if lacks:
        return f"{first} {lacks[0]}"
    return f"{first} {steps[0]}" if steps else first
