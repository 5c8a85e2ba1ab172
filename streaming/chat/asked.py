"""What is asked of the branches and of the model: the turn's record in their terms. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from eco2.pipeline.v1 import chat_turn_pb2

from services.runtime.seoul import SEOUL
from streaming.chat import aggregate
from streaming.chat.intent import Classified
from streaming.chat.turn import Given, Picture, Place, TurnContext
from streaming.chat.work import TurnWork


def of_branch(work: TurnWork, question: Classified) -> TurnContext:
    """What a branch is told that answers `question`."""
    task = work.task
    return TurnContext(
        job_id=task.job_id,
        chat_id=task.chat_id,
        user_id=task.user_id,
        message=question.text,
        whole=task.message,
        intent=question.intent,
        confidence=question.confidence,
        history=work.memory.kept,
        summary=work.summary,
        place=place_of(task),
        picture=Picture(task.image_url, work.worked.seen) if task.image_url else None,
        model=task.model,
        now=datetime.now(SEOUL),
        deadline=work.deadline,
        given=given_of(task),
        may_ask=work.may_ask,
        traceparent=task.traceparent,
    )


def of_model(work: TurnWork) -> Mapping[str, Any]:
    """The values of the prompt an answer is worded from."""
    worked, task = work.worked, work.task
    return {
        "now": datetime.now(SEOUL).strftime("%Y-%m-%d %H:%M (한국 시각)"),
        "summary": work.summary,
        "picture": aggregate.picture(worked.seen, attached=bool(task.image_url)),
        "material": aggregate.material(worked),
        "questions": [{"text": q.text, "intent": q.intent} for q in worked.questions],
        "question": task.message,
    }


def place_of(task: chat_turn_pb2.ChatTurn) -> Place | None:
    """Where the user is: as answered when asked, else as sent with the message."""
    given = given_of(task)
    if given is not None and given.type == "location":
        return Place(float(given.data["latitude"]), float(given.data["longitude"]))
    if task.HasField("user_location"):
        return Place(task.user_location.latitude, task.user_location.longitude)
    return None


def given_of(task: chat_turn_pb2.ChatTurn) -> Given | None:
    """What the user answered; None when the turn has not waited."""
    if not task.HasField("input"):
        return None
    data: Any = json.loads(task.input.data_json) if task.input.data_json else {}
    return Given(task.input.type, data if isinstance(data, dict) else {})
