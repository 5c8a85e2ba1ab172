"""The steps of a turn, from its message to its stored answer, in order.

Each step is taken from the checkpoint when an earlier attempt has paid for it.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from eco2.chat.v1 import chat_pb2, chat_service_pb2

from streaming.chat.branch import NeedsInput
from streaming.chat.gathering import gather, put_together
from streaming.chat.sight import look
from streaming.chat.storing import grade, store
from streaming.chat.summing import sum_up
from streaming.chat.understanding import understand
from streaming.chat.wording import word
from streaming.chat.work import TurnWork


@dataclass(frozen=True, slots=True)
class Parked:
    """The turn waits for the user."""

    asking: NeedsInput
    turn: chat_pb2.Turn


async def answer(work: TurnWork) -> chat_pb2.Turn | Parked:
    """Answer a turn; the turn as it is stored then, or that it waits.

    Raises ModelError, BranchClosed, ObjectNotFoundError, ``grpc.aio.AioRpcError`` and Overtaken,
    some of them in groups.
    """
    if not work.worked.answer:
        await _understand(work)
        await _look(work)
        async with asyncio.TaskGroup() as group:  # nothing but the model's answer waits for it
            summing = group.create_task(_sum_up(work))
            asking = await gather(work)
            if asking is None:
                await put_together(work)
                await _tell_summary(work, summing)
        if asking is not None:
            return await _park(work, asking)
        await word(work)
    return await store(work, await grade(work))


async def _understand(work: TurnWork) -> None:
    worked, task, begun = work.worked, work.task, work.begun
    async with work.narration.step("intent"):
        if worked.questions:
            return
        known = begun.HasField("recent_confidence")
        found = await understand(
            task.message,
            history=work.memory.kept,
            recent=tuple(begun.recent_intents),
            recent_confidence=begun.recent_confidence if known else None,
            has_picture=bool(task.image_url),
            talker=work.talker,
            budget=work.budget(work.means.settings.chat_intent_seconds, patience=0.0),
        )
        worked.questions, worked.by_model = found.questions, found.call is not None
        if found.call is not None:
            worked.calls.append(found.call)


async def _look(work: TurnWork) -> None:
    task, worked, settings = work.task, work.worked, work.means.settings
    if not task.image_url or worked.looked:
        return
    async with work.narration.step("vision"):
        found = await look(
            task,
            work.means.models,
            work.means.photos,
            most_bytes=settings.chat_image_max_bytes,
            detail=settings.chat_image_detail,
            budget=work.budget(settings.chat_vision_seconds),
        )
        if found is not None:
            worked.seen, call = found
            worked.calls.append(call)
        worked.looked = True


async def _sum_up(work: TurnWork) -> None:
    """Sum up what the memory has no room for."""
    older, worked = work.memory.to_sum_up, work.worked
    if not older or worked.summary:
        return
    work.summary, call = await sum_up(
        work.summary,
        older,
        talker=work.talker,
        budget=work.budget(work.means.settings.chat_summary_seconds, patience=0.0),
    )
    if call is not None:
        worked.calls.append(call)
    worked.summary, worked.summarised = work.summary, work.memory.through


async def _tell_summary(work: TurnWork, summing: asyncio.Task[None]) -> None:
    """Wait for the summary the answer needs, as a stage of its own; nothing when all is kept."""
    if work.memory.to_sum_up:
        async with work.narration.step("summarize") as step:
            await summing
            step.checkpoint = work.worked.to_bytes()


async def _park(work: TurnWork, asking: NeedsInput) -> Parked:
    work.worked.asking = asking
    state = work.worked.to_bytes()
    await work.narration.keep(state)  # for whoever has to ask in place of this process
    turn = await work.means.service.park(
        chat_service_pb2.ParkTurnRequest(
            job_id=work.task.job_id,
            input_type=asking.type,
            question=asking.question[:500],
            state=state,
            wait_seconds=asking.wait_seconds,
            round=work.task.input.round + 1,
        )
    )
    return Parked(asking, turn)
