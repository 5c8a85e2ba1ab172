"""Grading an answer: by a model within its time, else by rule."""

from __future__ import annotations

import asyncio

from services.runtime import logs
from streaming.chat import aggregate, grade, metrics
from streaming.chat.branch import ModelCall
from streaming.chat.worked import Worked
from streaming.model.guard import Budget
from streaming.model.models import Talker
from streaming.model.provider import ModelError

log = logs.get(__name__)


async def verdict_on(
    question: str, worked: Worked, *, talker: Talker | None, seconds: float
) -> tuple[grade.Grade, ModelCall | None]:
    """The grade of what was answered. Never fails; a model has so many seconds."""
    axes, call = None, None
    if talker is not None and seconds:
        asked = {
            "material": aggregate.material(worked),
            "question": question,
            "answer": worked.answer,
        }
        try:
            async with asyncio.timeout(seconds):
                told = await talker.grade(asked, Budget(work_seconds=seconds, patience_seconds=0.0))
        except (ModelError, TimeoutError) as error:
            log.info("graded by rule", error=str(error))
        else:
            axes = told.axes
            call = ModelCall(talker.provider, told.model, "grade", told.usage)
    if axes is None:
        axes = grade.by_rule(question, worked.answer, worked)
    verdict = grade.grade(axes, hazardous=grade.is_hazardous(question))
    metrics.GRADES.labels(verdict.grade, "rules" if call is None else "model").inc()
    return verdict, call
