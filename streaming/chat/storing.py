"""The finished turn: graded, counted, stored."""

from __future__ import annotations

from eco2.chat.v1 import chat_pb2

from streaming.chat import aggregate, feedback, metrics
from streaming.chat.grade import Grade
from streaming.chat.grading import verdict_on
from streaming.chat.intent import Intent
from streaming.chat.work import TurnWork


async def grade(work: TurnWork) -> Grade:
    """Grade the answer. Never fails."""
    async with work.narration.step("eval"):
        verdict, call = await verdict_on(
            work.task.message,
            work.worked,
            talker=None if work.worked.degraded else work.talker,
            seconds=work.means.settings.chat_eval_seconds,
        )
    if call is not None:
        work.worked.calls.append(call)
    return verdict


async def store(work: TurnWork, verdict: Grade) -> chat_pb2.Turn:
    """Store the answer; the turn as it is then. Raises ``grpc.aio.AioRpcError``."""
    cost = work.cost()
    _count(work, cost)
    return await work.means.service.append(work.task.job_id, answer(work, verdict, cost))


def answer(work: TurnWork, verdict: Grade, cost: float | None) -> chat_pb2.AssistantAnswer:
    """The answer as it is stored."""
    worked = work.worked
    told = aggregate.metadata(worked, feedback.judge(worked), cost_usd=cost)
    first = worked.questions[0] if worked.questions else None
    return chat_pb2.AssistantAnswer(
        content=worked.answer,
        intent=first.intent if first else Intent.GENERAL,
        intent_confidence=first.confidence if first else None,
        metadata_json=aggregate.metadata_json(told),
        grade=verdict.grade,
        score=verdict.score,
        summary=worked.summary,
        summarised_messages=worked.summarised,
    )


def _count(work: TurnWork, cost: float | None) -> None:
    calls = work.worked.calls
    metrics.TURN_TOKENS.labels("input").observe(sum(c.usage.input_tokens for c in calls))
    metrics.TURN_TOKENS.labels("output").observe(sum(c.usage.output_tokens for c in calls))
    if cost is not None:
        metrics.TURN_COST.observe(cost)
