"""The chat worker on real Redis and Kafka, between a model and a chat service of the test."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import grpc.aio
import pytest
from eco2.chat.v1 import chat_pb2, chat_service_pb2, chat_service_pb2_grpc
from eco2.pipeline.v1 import chat_turn_pb2
from redis.asyncio import Redis

from mesh.local.ephemeral import EphemeralParts
from services.runtime.context import ProcessContext
from services.runtime.ports import HOST
from services.runtime.settings import RuntimeSettings
from streaming.chat import app
from streaming.chat.branch import BranchResult, Citation, ModelCall, NeedsInput
from streaming.chat.turn import TurnContext
from streaming.kafka.admin import ensure_topics
from streaming.kafka.producer import Producer, shared_producer
from streaming.kafka.topics import CHAT_TURNS
from streaming.model.provider import Usage
from streaming.progress.event import START, ProgressEvent, StoredEvent
from streaming.progress.history import Histories
from streaming.progress.publisher import ProgressPublisher
from tests.bench.simulator import Behaviour, Simulator
from tests.wait import until

USUAL = Behaviour(
    scale=0.02, intent="waste", reply_tokens=12, tokens_per_second=60.0, middle="유리병"
)


class ChatDouble(chat_service_pb2_grpc.ChatServiceServicer):
    """Turns in memory; the first end wins."""

    def __init__(self) -> None:
        self.turns: dict[str, chat_pb2.Turn] = {}
        self.answers: dict[str, chat_pb2.AssistantAnswer] = {}
        self.parked: dict[str, chat_service_pb2.ParkTurnRequest] = {}
        self.history: list[chat_pb2.PastMessage] = []
        self.recent: dict[str, Any] = {}
        """Further fields of what a turn begins with."""
        self.unavailable = False
        self.loses_replies = False
        """Whether parking a turn works, but its caller is not told."""

    async def _turn(self, job_id: str, context: Any) -> chat_pb2.Turn:
        if self.unavailable:
            await context.abort(grpc.StatusCode.INTERNAL, "switched off")
        if job_id not in self.turns:
            await context.abort(grpc.StatusCode.NOT_FOUND, "no such turn")
        return self.turns[job_id]

    async def BeginTurn(self, request: Any, context: Any) -> Any:
        turn = await self._turn(request.job_id, context)
        return chat_service_pb2.BeginTurnResponse(turn=turn, history=self.history, **self.recent)

    async def AppendTurn(self, request: Any, context: Any) -> Any:
        turn = await self._turn(request.job_id, context)
        if turn.status == "accepted":
            turn.status = "completed"
            turn.result_json = json.dumps({"answer": request.answer.content}, ensure_ascii=False)
            self.answers[request.job_id] = request.answer
        return chat_service_pb2.AppendTurnResponse(turn=turn)

    async def ParkTurn(self, request: Any, context: Any) -> Any:
        turn = await self._turn(request.job_id, context)
        turn.status, turn.round = "waiting", request.round
        self.parked[request.job_id] = request
        if self.loses_replies:
            await context.abort(grpc.StatusCode.INTERNAL, "the connection broke")
        return chat_service_pb2.ParkTurnResponse(turn=turn)

    async def FailTurn(self, request: Any, context: Any) -> Any:
        turn = await self._turn(request.job_id, context)
        if turn.status == "accepted":
            turn.status, turn.error_reason = "failed", request.error_reason
        return chat_service_pb2.FailTurnResponse(turn=turn)


@dataclass
class ToolDouble:
    """A branch whose behaviour a test chooses."""

    name: str
    result: BranchResult
    error: Exception | None = None
    ready: asyncio.Event | None = None
    """It is waited for, if there is one."""
    seen: list[TurnContext] = field(default_factory=list)

    async def run(self, context: TurnContext) -> BranchResult:
        self.seen.append(context)
        if self.ready is not None:
            await self.ready.wait()
        if self.error is not None:
            raise self.error
        asking = self.result.needs_input
        if asking is not None and (context.place is not None or not context.may_ask):
            return BranchResult(context="가까운 곳 셋", answer="가까운 곳은 셋이에요.")
        return self.result

    def unavailable(self, context: TurnContext) -> BranchResult:
        return BranchResult(answer="지금은 알 수 없어요.", available=False)


def tools() -> dict[str, ToolDouble]:
    """One tool of each kind a test needs."""
    rules = BranchResult(
        context="유리병은 헹궈서 유리병 수거함에 넣는다.",
        answer="유리병은 헹궈서 수거함에 넣어 주세요.",
        citations=(Citation("rules", "유리병 배출 방법", "재활용폐기물_유리병"),),
        metadata={"disposal_steps": ["헹군다", "넣는다"]},
        quality=0.95,
    )
    web = BranchResult(
        context="2026년부터 달라졌다.",
        attachment="참고한 웹 문서: [환경부](https://me.go.kr/)",
        citations=(Citation("web", "환경부", url="https://me.go.kr/"),),
        calls=(ModelCall("openai", "simulated", "web_search", Usage(searches=1)),),
    )
    asking = BranchResult(needs_input=NeedsInput("location", "어디에 계신가요?"))
    return {
        "waste_rag": ToolDouble("waste_rag", rules),
        "weather": ToolDouble("weather", BranchResult(context="맑음")),
        "location": ToolDouble("location", asking),
        "general": ToolDouble("general", BranchResult()),
        "web_search": ToolDouble("web_search", web),
    }


@dataclass
class Chats:
    """A running worker and everything around it."""

    simulator: Simulator
    service: ChatDouble
    tools: Mapping[str, ToolDouble]
    redis: Redis
    publisher: ProgressPublisher
    producer: Producer
    context: ProcessContext

    async def ask(self, message: str, **more: Any) -> chat_turn_pb2.ChatTurn:
        """Accept a turn as the chat service does, and send its record."""
        task = self.task(message, **more)
        await self.accept(task)
        await self.send(task)
        return task

    def task(
        self,
        message: str,
        *,
        chat_id: str = "",
        picture: str = "",
        model: str = "",
        deadline_seconds: float = 60.0,
    ) -> chat_turn_pb2.ChatTurn:
        """A turn; `picture` is the object key of one."""
        now = time.time()
        return chat_turn_pb2.ChatTurn(
            job_id=str(uuid.uuid4()),
            chat_id=chat_id or str(uuid.uuid4()),
            user_id=str(uuid.uuid4()),
            message=message,
            model=model,
            image_url=f"https://images.example/{picture}" if picture else "",
            image_key=picture,
            image_content_type="image/jpeg" if picture else "",
            submitted_at_ms=int(now * 1000),
            deadline_ms=int((now + deadline_seconds) * 1000),
        )

    async def accept(self, task: chat_turn_pb2.ChatTurn) -> None:
        """Let the service know the turn, and publish that it is queued."""
        self.service.turns[task.job_id] = chat_pb2.Turn(
            job_id=task.job_id, chat_id=task.chat_id, user_id=task.user_id, status="accepted"
        )
        queued = ProgressEvent(job_id=task.job_id, domain="chat", stage="queued", status="started")
        await self.publisher.open_job(
            task.job_id, domain="chat", user_id=task.user_id, events=(queued,)
        )

    async def send(self, task: chat_turn_pb2.ChatTurn) -> None:
        """Send a record."""
        await self.producer.send(CHAT_TURNS, task.chat_id, task, deadline=task.deadline_ms / 1000)

    async def answer(self, task: chat_turn_pb2.ChatTurn, kind: str, **data: float | str) -> None:
        """Send a parked turn on with what the user answers, as the chat service does."""
        parked = self.service.parked[task.job_id]
        self.service.turns[task.job_id].status = "accepted"
        again = chat_turn_pb2.ChatTurn()
        again.CopyFrom(task)
        again.input.CopyFrom(
            chat_turn_pb2.ChatInput(
                type=kind, data_json=json.dumps(data), state=parked.state, round=parked.round
            )
        )
        await self.send(again)

    async def events(self, job_id: str) -> list[StoredEvent]:
        """What was published about a turn."""
        return list((await Histories(self.redis).read(job_id, START)).events)

    async def until_event(self, job_id: str, stage: str, count: int = 1) -> list[StoredEvent]:
        """Wait until so many events of a stage were published; all events."""

        async def there() -> list[StoredEvent] | None:
            found = await self.events(job_id)
            return found if sum(e.stage == stage for e in found) >= count else None

        return await until(there, within_seconds=30.0, what=f"{stage} of {job_id}")

    async def ended(self, job_id: str) -> list[StoredEvent]:
        """Wait for the end of a turn; all its events."""
        return await self.until_event(job_id, "done")


def text_of(events: list[StoredEvent]) -> str:
    """The text as a client has it that read every event."""
    text = ""
    for event in events:
        if event.is_text:
            text = (text if event.is_token else "") + (event.content or "")
    return text


@pytest.fixture(scope="module")
async def chats(parts: EphemeralParts) -> AsyncIterator[Chats]:
    """One worker with short time-outs."""
    simulator = Simulator(USUAL, seed=3)
    await simulator.start()
    service = ChatDouble()  # type: ignore[abstract]  # the worker calls nothing else
    server = grpc.aio.server()
    chat_service_pb2_grpc.add_ChatServiceServicer_to_server(service, server)
    port = server.add_insecure_port(f"{HOST}:0")
    await server.start()
    await ensure_topics(parts.kafka_bootstrap)
    environ = {
        **parts.environ,
        "ECO2_REDIS_URL": parts.redis_url,
        "ECO2_KAFKA_BOOTSTRAP": parts.kafka_bootstrap,
        "ECO2_GRPC_CHAT": f"{HOST}:{port}",
        "OPENAI_API_KEY": "test-key",
        "OPENAI_BASE_URL": simulator.url,
        "ECO2_MODEL_NAMES": "gpt-5-mini",
        "ECO2_MODEL_IMAGE": "url",
        "ECO2_MODEL_CALL_TIMEOUT_SECONDS": "1",
        "ECO2_MODEL_STREAM_IDLE_SECONDS": "0.5",
        "ECO2_MODEL_BREAKER_FAILURES": "50",
        "ECO2_CHAT_LEASE_SECONDS": "2",
        "ECO2_CHAT_PATIENCE_SECONDS": "1",
        "ECO2_CHAT_FRAME_SECONDS": "0.1",
        "ECO2_CHAT_EVAL_SECONDS": "1",
    }
    made = tools()

    async def doubles(*_: Any) -> dict[str, ToolDouble]:
        return made

    with pytest.MonkeyPatch.context() as patch:
        for name, value in environ.items():
            patch.setenv(name, value)
        patch.setattr(app, "build_branches", doubles)
        context = ProcessContext(RuntimeSettings())
        component = await app.build(context)
        works = [asyncio.create_task(work.run()) for work in component.background]
        await until(lambda: _passes(component.checks["kafka-chat"]), within_seconds=30)
    redis = context.redis()
    producer = await shared_producer(context)
    publisher = ProgressPublisher(redis)
    yield Chats(simulator, service, made, redis, publisher, producer, context)
    assert component.drain is not None
    await component.drain(2.0)
    for work in works:
        work.cancel()
    await asyncio.gather(*works, return_exceptions=True)
    assert component.close is not None
    await component.close()
    await context.close()
    await server.stop(0)
    await simulator.stop()


@pytest.fixture(autouse=True)
def _behaves_again(chats: Chats) -> None:
    """Every test begins with a model, a service and tools that work."""
    chats.simulator.behaviour = USUAL
    chats.simulator.set(down_seconds=0.0)
    chats.service.unavailable = chats.service.loses_replies = False
    chats.service.history = []
    chats.service.recent = {}
    for tool in chats.tools.values():
        tool.error = tool.ready = None
        tool.seen.clear()


async def _passes(check: Any) -> bool:
    try:
        await check()
    except Exception:
        return False
    return True
