"""What the model is asked to answer with, and the strict reading of what it did answer. Pure.

The schemas keep to the subset every server of OpenAI's interface enforces: all members required, no
further ones, no bounds. Bounds and the taxonomy are checked here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from streaming.model.chat import Guess
from streaming.model.provider import ModelOutputInvalid

INTENTS: Final = (
    "waste", "character", "location", "bulk_waste", "recyclable_price", "collection_point",
    "weather", "image_generation", "web_search", "general",
)  # fmt: skip
"""What a question can be about (docs/app.md, "Chats")."""

MAX_STEPS: Final = 10
"""The result document has the keys 단계1 … 단계10 (docs/app.md, "Scans")."""

MAX_INSUFFICIENCIES: Final = 10
MAX_LINE: Final = 600
"""Characters of a step or an insufficiency; the app shows each in one box."""

MAX_ANSWER: Final = 2_000
"""Characters of the answer, which is asked to be about three sentences long."""

MAX_LABEL: Final = 100
MAX_TAGS: Final = 40


@dataclass(frozen=True, slots=True)
class Labels:
    """A classification as the model worded it, before it is folded to the taxonomy."""

    major: str
    middle: str
    minor: str | None
    tags: tuple[str, ...]
    confidence: float | None


@dataclass(frozen=True, slots=True)
class Wording:
    """An answer as the model worded it."""

    steps: tuple[str, ...]
    insufficiencies: tuple[str, ...]
    answer: str


def vision_schema(
    majors: Sequence[str],
    middles: Sequence[str],
    tags: Sequence[str],
    meanings: Mapping[str, str],
) -> dict[str, Any]:
    """Schema of a classification; `meanings` describes fields by their dotted path."""
    return _object(
        {
            "classification": _object(
                {
                    "major_category": {"type": "string", "enum": list(majors)},
                    "middle_category": {"type": "string", "enum": list(middles)},
                    "minor_category": {"type": ["string", "null"]},
                },
                meanings,
                "classification.",
            ),
            "situation_tags": {"type": "array", "items": {"type": "string", "enum": list(tags)}},
            "confidence": {"type": ["number", "null"]},
        },
        meanings,
    )


def answer_schema(meanings: Mapping[str, str]) -> dict[str, Any]:
    """Schema of an answer; `meanings` describes fields by their name."""
    texts = {"type": "array", "items": {"type": "string"}}
    return _object(
        {
            "disposal_steps": dict(texts),
            "insufficiencies": dict(texts),
            "user_answer": {"type": "string"},
        },
        meanings,
    )


def read_vision(text: str) -> Labels:
    """Read a classification; :class:`ModelOutputInvalid` for anything else."""
    body = _members(_parse(text), "classification", "situation_tags", "confidence")
    names = _members(body["classification"], "major_category", "middle_category", "minor_category")
    minor = names["minor_category"]
    confidence = body["confidence"]
    if isinstance(confidence, bool) or not isinstance(confidence, int | float | None):
        raise ModelOutputInvalid("confidence is not a number")
    if confidence is not None and not 0 <= confidence <= 1:
        raise ModelOutputInvalid("confidence is not between 0 and 1")
    return Labels(
        _line(names["major_category"], "major_category", MAX_LABEL),
        _line(names["middle_category"], "middle_category", MAX_LABEL),
        None if minor is None or minor == "" else _line(minor, "minor_category", MAX_LABEL),
        _lines(body["situation_tags"], "situation_tags", MAX_TAGS, MAX_LABEL),
        None if confidence is None else float(confidence),
    )


def read_answer(text: str) -> Wording:
    """Read an answer; :class:`ModelOutputInvalid` for anything else."""
    body = _members(_parse(text), "disposal_steps", "insufficiencies", "user_answer")
    return Wording(
        _lines(body["disposal_steps"], "disposal_steps", MAX_STEPS, MAX_LINE),
        _lines(body["insufficiencies"], "insufficiencies", MAX_INSUFFICIENCIES, MAX_LINE),
        _line(body["user_answer"], "user_answer", MAX_ANSWER),
    )


AXES: Final = ("faithfulness", "relevance", "completeness", "safety", "communication")

MAX_QUESTIONS: Final = 3
MAX_QUESTION: Final = 4_000
MAX_SUMMARY: Final = 4_000


def intent_schema(meanings: Mapping[str, str]) -> dict[str, Any]:
    """Schema of what a message asks; `meanings` describes fields by their name."""
    question = _object(
        {
            "text": {"type": "string"},
            "intent": {"type": "string", "enum": list(INTENTS)},
            "confidence": {"type": "number"},
            "reasoning": {"type": "string"},
        },
        meanings,
    )
    return _object({"questions": {"type": "array", "items": question}}, meanings)


def summary_schema(meanings: Mapping[str, str]) -> dict[str, Any]:
    """Schema of a summary."""
    return _object({"summary": {"type": "string"}}, meanings)


def grade_schema(meanings: Mapping[str, str]) -> dict[str, Any]:
    """Schema of a grading."""
    return _object({axis: {"type": "integer"} for axis in AXES}, meanings)


def read_intent(text: str) -> tuple[Guess, ...]:
    """Read what a message asks; :class:`ModelOutputInvalid` for anything else."""
    questions = _members(_parse(text), "questions")["questions"]
    if not isinstance(questions, list) or not questions:
        raise ModelOutputInvalid("no questions")
    found = []
    for entry in questions[:MAX_QUESTIONS]:
        question = _members(entry, "text", "intent", "confidence")
        confidence = question["confidence"]
        if isinstance(confidence, bool) or not isinstance(confidence, int | float):
            raise ModelOutputInvalid("confidence is not a number")
        if not 0 <= confidence <= 1:
            raise ModelOutputInvalid("confidence is not between 0 and 1")
        if question["intent"] not in INTENTS:
            raise ModelOutputInvalid("no such intent")
        wording = question["text"]
        if not isinstance(wording, str) or len(wording) > MAX_QUESTION:
            raise ModelOutputInvalid("text is not a question")
        reasoning = question.get("reasoning")
        found.append(
            Guess(
                " ".join(wording.split()),
                question["intent"],
                float(confidence),
                reasoning[:MAX_LINE] if isinstance(reasoning, str) else "",
            )
        )
    return tuple(found)


def read_summary(text: str) -> str:
    """Read a summary; :class:`ModelOutputInvalid` for anything else."""
    return _line(_members(_parse(text), "summary")["summary"], "summary", MAX_SUMMARY)


def read_grade(text: str) -> dict[str, float]:
    """Read a grading; :class:`ModelOutputInvalid` for anything else."""
    body = _members(_parse(text), *AXES)
    for axis in AXES:
        value = body[axis]
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 100:
            raise ModelOutputInvalid(f"{axis} is not between 0 and 100")
    return {axis: float(body[axis]) for axis in AXES}


def _object(
    properties: dict[str, dict[str, Any]], meanings: Mapping[str, str], path: str = ""
) -> dict[str, Any]:
    for name, of_field in properties.items():
        if meaning := meanings.get(path + name):
            of_field["description"] = meaning
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _parse(text: str) -> object:
    try:
        value: object = json.loads(text)
    except (ValueError, RecursionError):
        raise ModelOutputInvalid("the answer is not JSON") from None
    return value


def _members(value: object, *names: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ModelOutputInvalid(f"no object where {', '.join(names)} are due")
    missing = [name for name in names if name not in value]
    if missing:
        raise ModelOutputInvalid(f"missing: {', '.join(missing)}")
    return value


def _line(value: object, name: str, longest: int) -> str:
    if not isinstance(value, str):
        raise ModelOutputInvalid(f"{name} is not a text")
    # line breaks and control characters have no place in the app's boxes
    line = " ".join(value.split())
    if not line or not all(c.isprintable() for c in line):
        raise ModelOutputInvalid(f"{name} is blank or not printable")
    if len(line) > longest:
        raise ModelOutputInvalid(f"{name} has {len(line)} characters")
    return line


def _lines(value: object, name: str, most: int, longest: int) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise ModelOutputInvalid(f"{name} is not a list")
    if len(value) > most:
        raise ModelOutputInvalid(f"{name} has {len(value)} entries")
    return tuple(
        _line(entry, name, longest)
        for entry in value
        if not (isinstance(entry, str) and not entry.strip())
    )
