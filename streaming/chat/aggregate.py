"""What the branches found, put together: material for a model, an answer without one, metadata.

Pure. Retrieved text comes from outside; here it only becomes values of a prompt, which quotes them
as JSON and says that they are data (:mod:`streaming.knowledge.prompts`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

from streaming.chat import routing
from streaming.chat.branch import Citation, ModelCall
from streaming.chat.feedback import Feedback
from streaming.chat.untrusted import cleaned
from streaming.chat.worked import Worked
from streaming.model.provider import Vision

MATERIAL_CHARACTERS: Final = 12_000
"""Of all branches together: some 9,000 tokens."""

METADATA_BYTES: Final = 60_000
"""AppendTurn takes 65,536 characters."""

NOTHING_FOUND: Final = (
    "지금은 알맞은 답을 찾지 못했어요. "
    "물건 이름이나 지역을 조금 더 자세히 알려 주시면 다시 찾아볼게요."
)

LIFTED: Final = ("disposal_steps", "insufficiencies", "classification")
"""Members of a waste answer's metadata that AskOnce passes on (AssistantAnswer.metadata_json)."""


def material(worked: Worked) -> list[dict[str, Any]]:
    """What a model is told, by branch; the longest are cut when all is too much."""
    found = [
        {"tool": name, "facts": cleaned(result.context), "available": result.available}
        for name, result in worked.results.items()
        if result.context or not result.available
    ]
    share = MATERIAL_CHARACTERS // max(1, len(found))
    for entry in found:
        facts = str(entry["facts"])
        if len(facts) > share:
            entry["facts"] = facts[:share] + "…"
    return found


def offline_answer(worked: Worked) -> str:
    """The answer without a model: what each question's own branches say, then what others add."""
    own, further = [], []
    for name, result in worked.results.items():
        text = result.answer.strip()
        if not text:
            continue
        if is_own(worked, name):
            own.append(text)
        elif result.available:
            further.append(text)
    told = list(dict.fromkeys((*own, *further)))
    return "\n\n".join(told) or NOTHING_FOUND


def can_answer_offline(worked: Worked) -> bool:
    """Whether the branches' own words answer a question, for the time no model does."""
    return any(
        result.answer.strip() and result.available and is_own(worked, name)
        for name, result in worked.results.items()
    )


def is_own(worked: Worked, name: str) -> bool:
    """Whether a branch answers one of the questions, rather than only adding to an answer."""
    return any(routing.is_own(name, question) for question in worked.questions)


def attachments(worked: Worked) -> str:
    """What goes below the text as it is."""
    return "\n\n".join(
        result.attachment.strip() for result in worked.results.values() if result.attachment
    )


def picture(seen: Vision | None, *, attached: bool) -> dict[str, Any] | None:
    """The picture as a prompt tells of it; None without one."""
    if not attached:
        return None
    if seen is None:
        return {"recognised": False}
    return {
        "recognised": True,
        "major_category": seen.major,
        "middle_category": seen.middle,
        "minor_category": seen.minor,
        "situation_tags": list(seen.situation_tags),
    }


def citations(worked: Worked) -> list[Citation]:
    """Where the statements come from, each once."""
    return list(
        dict.fromkeys(found for result in worked.results.values() for found in result.citations)
    )


def metadata(
    worked: Worked, feedback: Feedback | None, *, cost_usd: float | None
) -> dict[str, Any]:
    """What is stored with the answer."""
    told: dict[str, Any] = {
        "questions": [
            {"text": q.text[:500], "intent": q.intent, "confidence": round(q.confidence, 3)}
            for q in worked.questions
        ],
        "citations": [
            {name: value for name, value in asdict(found).items() if value}
            for found in citations(worked)
        ],
        "model": _model(worked.calls, cost_usd),
    }
    rules = worked.results.get("waste_rag")
    if worked.seen is not None:
        told["classification"] = {
            "major_category": worked.seen.major,
            "middle_category": worked.seen.middle,
            "minor_category": worked.seen.minor,
        }
    if rules is not None:
        told |= {name: rules.metadata[name] for name in LIFTED if name in rules.metadata}
    if feedback is not None:
        told["feedback"] = feedback.as_dict()
    if pictures := [
        url for r in worked.results.values() if isinstance(url := r.metadata.get("image_url"), str)
    ]:
        told["pictures"] = pictures
    if worked.degraded:
        told["fallback"] = worked.degraded
    branches = {name: dict(result.metadata) for name, result in worked.results.items()}
    unavailable = [name for name, result in worked.results.items() if not result.available]
    if unavailable:
        told["unavailable"] = unavailable
    whole = told | {"branches": branches}
    return whole if len(_json(whole).encode()) <= METADATA_BYTES else told


def metadata_json(told: Mapping[str, Any]) -> str:
    """As it is stored; without the rest when even the least is too long."""
    text = _json(told)
    return text if len(text.encode()) <= METADATA_BYTES else _json({"model": told["model"]})


def _json(value: Any) -> str:
    return json.dumps(
        value, ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=str
    )


def _model(calls: Sequence[ModelCall], cost_usd: float | None) -> dict[str, Any]:
    told: dict[str, Any] = {
        "calls": [
            {
                "kind": call.kind,
                "provider": call.provider,
                "model": call.model,
                "input_tokens": call.usage.input_tokens,
                "output_tokens": call.usage.output_tokens,
                **({"searches": call.usage.searches} if call.usage.searches else {}),
                "ms": round(call.usage.latency_seconds * 1000),
            }
            for call in calls
        ],
        "input_tokens": sum(call.usage.input_tokens for call in calls),
        "output_tokens": sum(call.usage.output_tokens for call in calls),
    }
    if cost_usd is not None:
        told["cost_usd"] = round(cost_usd, 6)
    return told
