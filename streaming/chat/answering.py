"""The steps of a turn, from its message to its stored answer, in order.

Each step is taken from the checkpoint when an earlier attempt has paid for it.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

from eco2.chat.v1 import chat_pb2, chat_service_pb2
from eco2.pipeline.v1 import chat_turn_pb2
from opentelemetry import trace

from services.runtime import logs
from services.runtime.objectstore import ObjectStore
from streaming.chat import aggregate, feedback, grade, memory, metrics
from streaming.chat.branch import BranchResult, NeedsInput
from streaming.chat.grading import verdict_on
from streaming.chat.intent import Classified, Intent
from streaming.chat.memory import Placed
from streaming.chat.narration import Narration
from streaming.chat.policies import ENRICHMENT_SECONDS
from streaming.chat.routing import SEARCH, Route, routes
from streaming.chat.service import TurnService
from streaming.chat.settings import ChatWorkerSettings
from streaming.chat.sight import look
from streaming.chat.summing import sum_up
from streaming.chat.tools import Tools
from streaming.chat.turn import Given, Past, Picture, Place, TurnContext
from streaming.chat.understanding import understand
from streaming.chat.wording import Wording
from streaming.chat.worked import Worked
from streaming.model.guard import Budget
from streaming.model.models import Models, Talker
from streaming.model.provider import ModelError, ModelRejected
from streaming.progress import stages

log = logs.get(__name__)

SEOUL: Final = ZoneInfo("Asia/Seoul")
_TRACER: Final = trace.get_tracer("eco2.chat")


@dataclass(frozen=True, slots=True)
class Parked:
    """The turn waits for the user."""

    asking: NeedsInput
    turn: chat_pb2.Turn


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What turns are answered with."""

    service: TurnService
    models: Models
    tools: Tools
    photos: ObjectStore
    settings: ChatWorkerSettings


class Answering:
    """One turn."""

    def __init__(
        self,
        means: Means,
        task: chat_turn_pb2.ChatTurn,
        begun: chat_service_pb2.BeginTurnResponse,
        narration: Narration,
        worked: Worked,
        *,
        deadline: float,
    ) -> None:
        """`deadline`: Unix time in seconds."""
        self._means = means
        self._settings = means.settings
        self._task = task
        self._begun = begun
        self._narration = narration
        self._worked = worked
        self._deadline = deadline
        self._talker: Talker | None = means.models.talker(task.model)
        self._summary = begun.summary
        self._memory = memory.remember(
            [_placed(message) for message in begun.history],
            begun.summary,
            most=self._settings.chat_memory_messages,
            budget=self._settings.chat_memory_tokens,
            kept=self._settings.chat_memory_kept,
        )

    async def run(self) -> chat_pb2.Turn | Parked:
        """Answer; the turn as it is stored then, or that it waits.

        Raises ModelError, BranchClosed, ObjectNotFoundError, ``grpc.aio.AioRpcError``, Overtaken.
        """
        worked = self._worked
        if not worked.answer:
            await self._understand()
            await self._look()
            asking = await self._gather()
            if asking is not None:
                return await self._park(asking)
            await self._word()
        verdict = await self._grade()
        return await self._append(verdict)

    # -- steps ----------------------------------------------------------------------------------

    async def _understand(self) -> None:
        worked, task = self._worked, self._task
        async with self._step("intent"):
            if not worked.questions:
                found = await understand(
                    task.message,
                    history=self._memory.kept,
                    recent=tuple(self._begun.recent_intents),
                    has_picture=bool(task.image_url),
                    talker=self._talker,
                    budget=self._budget(self._settings.chat_intent_seconds, patience=0.0),
                )
                worked.questions, worked.by_model = found.questions, found.call is not None
                if found.call is not None:
                    worked.calls.append(found.call)

    async def _look(self) -> None:
        task, worked = self._task, self._worked
        if not task.image_url or worked.looked:
            return
        async with self._step("vision"):
            found = await look(
                task,
                self._means.models,
                self._means.photos,
                most_bytes=self._settings.chat_image_max_bytes,
                budget=self._budget(self._settings.chat_vision_seconds),
            )
            if found is not None:
                worked.seen, call = found
                worked.calls.append(call)
            worked.looked = True

    async def _gather(self) -> NeedsInput | None:
        """Run the branches; what one of them has to ask first."""
        worked = self._worked
        if not worked.gathered:
            chosen = routes(
                worked.questions,
                has_place=self._place() is not None,
                existing=self._means.tools.names,
            )
            missing = [route for route in chosen if route.branch not in worked.results]
            async with asyncio.TaskGroup() as group:
                found = [group.create_task(self._branch(route)) for route in missing]
                group.create_task(self._sum_up())
            asking: NeedsInput | None = None
            for route, task in zip(missing, found, strict=True):
                result = task.result()
                if result is None:
                    continue
                if result.needs_input is not None:
                    if route.own and self._may_ask:
                        asking = asking or result.needs_input
                        continue
                    result = replace(result, needs_input=None)
                worked.results[route.branch] = result
            if asking is not None:  # what the others found is kept for when it goes on
                return asking
            # in the order they were chosen, whatever a turn that waited had found before
            order = {route.branch: place for place, route in enumerate(chosen)}
            worked.results = dict(
                sorted(worked.results.items(), key=lambda item: order.get(item[0], len(order)))
            )
            await self._look_elsewhere()
            for result in worked.results.values():
                worked.calls.extend(result.calls)
            worked.gathered = True
        await self._narration.stage("aggregator", stages.STARTED)
        await self._narration.stage("aggregator", stages.COMPLETED, checkpoint=worked.to_bytes())
        judged = feedback.judge(worked)
        if judged is not None:
            await self._narration.stage("feedback", stages.STARTED)
            await self._narration.stage("feedback", stages.COMPLETED, result=judged.as_dict())
        return None

    async def _branch(
        self, route: Route, within_seconds: float = ENRICHMENT_SECONDS
    ) -> BranchResult | None:
        async with self._step(route.branch):
            result = await self._means.tools.run(
                route.branch,
                self._context(route.question),
                own=route.own,
                within_seconds=within_seconds,
            )
            if result is not None and result.calls:  # paid for: kept before the others are done
                self._worked.results[route.branch] = result
                await self._narration.keep(self._worked.to_bytes())
        return result

    async def _look_elsewhere(self) -> None:
        """Search the web when the rule documents have nothing that fits."""
        wanted = feedback.elsewhere(
            self._worked,
            connected=self._means.tools.is_connected(SEARCH),
            seconds_left=self._deadline - time.time(),
        )
        if wanted is None:
            return
        question, seconds = wanted
        result = await self._branch(Route(SEARCH, question, False), seconds)
        if result is not None:
            self._worked.results[SEARCH] = result

    async def _sum_up(self) -> None:
        """Sum up what the memory has no room for."""
        older = self._memory.to_sum_up
        if not older or self._worked.summary:
            self._summary = self._worked.summary or self._summary
            return
        self._summary, call = await sum_up(
            self._summary,
            older,
            talker=self._talker,
            budget=self._budget(self._settings.chat_summary_seconds, patience=0.0),
        )
        if call is not None:
            self._worked.calls.append(call)
        self._worked.summary, self._worked.summarised = self._summary, self._memory.through

    async def _park(self, asking: NeedsInput) -> Parked:
        turn = await self._means.service.park(
            chat_service_pb2.ParkTurnRequest(
                job_id=self._task.job_id,
                input_type=asking.type,
                question=asking.question[:500],
                state=self._worked.to_bytes(),
                wait_seconds=asking.wait_seconds,
                round=self._task.input.round + 1,
            )
        )
        return Parked(asking, turn)

    async def _word(self) -> None:
        worked = self._worked
        await self._narration.stage("answer", stages.STARTED)
        began = time.perf_counter()
        wording = Wording(
            self._narration,
            self._settings,
            accepted_at=self._task.submitted_at_ms / 1000 or time.time(),
        )
        text = ""
        with _TRACER.start_as_current_span("chat answer"):
            if self._talker is not None:
                try:
                    told = await wording.by_model(
                        self._talker,
                        self._asked(),
                        memory.lines(self._memory.kept, self._settings.chat_memory_tokens),
                    )
                except ModelRejected:
                    raise
                except ModelError:
                    if not aggregate.can_answer_offline(worked):
                        raise
                    worked.degraded = "llm_error"
                else:
                    text, worked.takes = told.text, told.takes
                    if told.call is not None:
                        worked.calls.append(told.call)
            if not text.strip():
                text = aggregate.offline_answer(worked)
                await wording.as_written(text)
            attached = aggregate.attachments(worked)
            if attached:
                await wording.add(f"\n\n{attached}")
                text = f"{text}\n\n{attached}"
        worked.answer = text.strip()  # the rest as it was told, so that nothing on a screen moves
        metrics.STAGES.labels("answer").observe(time.perf_counter() - began)
        await self._narration.stage("answer", stages.COMPLETED, checkpoint=worked.to_bytes())

    async def _grade(self) -> grade.Grade:
        worked = self._worked
        async with self._step("eval"):
            verdict, call = await verdict_on(
                self._task.message,
                worked,
                talker=None if worked.degraded else self._talker,
                seconds=self._settings.chat_eval_seconds,
            )
        if call is not None:
            worked.calls.append(call)
        return verdict

    async def _append(self, verdict: grade.Grade) -> chat_pb2.Turn:
        worked = self._worked
        cost = self._cost()
        metrics.TURN_TOKENS.labels("input").observe(sum(c.usage.input_tokens for c in worked.calls))
        metrics.TURN_TOKENS.labels("output").observe(
            sum(c.usage.output_tokens for c in worked.calls)
        )
        if cost is not None:
            metrics.TURN_COST.observe(cost)
        told = aggregate.metadata(worked, feedback.judge(worked), cost_usd=cost)
        return await self._means.service.append(
            self._task.job_id,
            chat_pb2.AssistantAnswer(
                content=worked.answer,
                intent=worked.questions[0].intent if worked.questions else Intent.GENERAL,
                metadata_json=aggregate.metadata_json(told),
                grade=verdict.grade,
                score=verdict.score,
                summary=worked.summary,
                summarised_messages=worked.summarised,
            ),
        )

    # -- what the steps need --------------------------------------------------------------------

    @asynccontextmanager
    async def _step(self, name: str) -> AsyncIterator[None]:
        """A stage: its two events, its span, its time. The start is published once a turn."""
        await self._narration.stage(name, stages.STARTED)
        began = time.perf_counter()
        with _TRACER.start_as_current_span(f"chat {name}"):
            yield
        metrics.STAGES.labels(name).observe(time.perf_counter() - began)
        await self._narration.stage(name, stages.COMPLETED)

    def _budget(self, seconds: float, patience: float | None = None) -> Budget:
        left = max(0.5, self._deadline - time.time())
        if patience is None:
            patience = self._settings.chat_patience_seconds
        return Budget(work_seconds=min(seconds, left), patience_seconds=min(patience, left))

    @property
    def _may_ask(self) -> bool:
        return not self._task.HasField("input")

    def _place(self) -> Place | None:
        given = self._given()
        if given is not None and given.type == "location":
            return Place(float(given.data["latitude"]), float(given.data["longitude"]))
        if self._task.HasField("user_location"):
            found = self._task.user_location
            return Place(found.latitude, found.longitude)
        return None

    def _given(self) -> Given | None:
        if not self._task.HasField("input"):
            return None
        given = self._task.input
        data: Any = json.loads(given.data_json) if given.data_json else {}
        return Given(given.type, data if isinstance(data, dict) else {})

    def _context(self, question: Classified) -> TurnContext:
        task = self._task
        picture = Picture(task.image_url, self._worked.seen) if task.image_url else None
        return TurnContext(
            job_id=task.job_id,
            chat_id=task.chat_id,
            user_id=task.user_id,
            message=question.text,
            whole=task.message,
            intent=question.intent,
            confidence=question.confidence,
            history=self._memory.kept,
            summary=self._summary,
            place=self._place(),
            picture=picture,
            model=task.model,
            now=datetime.now(SEOUL),
            deadline=self._deadline,
            given=self._given(),
            may_ask=self._may_ask,
            traceparent=task.traceparent,
        )

    def _asked(self) -> Mapping[str, Any]:
        worked, task = self._worked, self._task
        return {
            "now": datetime.now(SEOUL).strftime("%Y-%m-%d %H:%M (한국 시각)"),
            "summary": self._summary,
            "picture": aggregate.picture(worked.seen, attached=bool(task.image_url)),
            "material": aggregate.material(worked),
            "questions": [{"text": q.text, "intent": q.intent} for q in worked.questions],
            "question": task.message,
        }

    def _cost(self) -> float | None:
        if self._talker is None:
            return None
        costs = [self._talker.cost(call.model, call.usage) for call in self._worked.calls]
        known = [cost for cost in costs if cost is not None]
        return sum(known) if known else None


def _placed(message: chat_pb2.PastMessage) -> Placed:
    role: Literal["user", "assistant"] = "assistant" if message.role == "assistant" else "user"
    past = Past(role, message.content, message.image_url, message.intent)
    return Placed(past, message.position)
