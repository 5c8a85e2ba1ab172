"""The stages on real Redis and Kafka, between a model, a scan and a character service of the test.

The services are real gRPC servers on sockets; the scan service keeps its jobs in memory and tells
what was done to them.
"""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import grpc.aio
import pytest
from eco2.character.v1 import character_service_pb2, character_service_pb2_grpc
from eco2.pipeline.v1 import scan_task_pb2
from eco2.scan.v1 import scan_pb2, scan_service_pb2, scan_service_pb2_grpc
from redis.asyncio import Redis

from mesh.local.ephemeral import EphemeralParts
from services.runtime.context import ProcessContext
from services.runtime.ports import HOST
from services.runtime.settings import RuntimeSettings
from streaming.kafka.admin import ensure_topics
from streaming.kafka.producer import Producer, shared_producer
from streaming.kafka.topics import SCAN_VISION
from streaming.pipeline.app import build_stages
from streaming.progress.event import START, ProgressEvent, StoredEvent
from streaming.progress.history import Histories
from streaming.progress.publisher import ProgressPublisher
from tests.bench.simulator import Behaviour, Simulator
from tests.wait import until


class ScanDouble(scan_service_pb2_grpc.ScanServiceServicer):
    """Jobs in memory; the first end wins, as the contract of the service says."""

    def __init__(self) -> None:
        self.jobs: dict[str, scan_pb2.Job] = {}
        self.results: dict[str, scan_pb2.ScanResult] = {}
        self.unavailable = False
        self.refused = 0
        """Calls it has refused while it was unavailable."""

    async def _job(self, job_id: str, context: Any) -> scan_pb2.Job:
        if self.unavailable:
            self.refused += 1
            await context.abort(grpc.StatusCode.INTERNAL, "switched off")
        if job_id not in self.jobs:
            await context.abort(grpc.StatusCode.NOT_FOUND, "no such job")
        return self.jobs[job_id]

    async def CompleteJob(self, request: Any, context: Any) -> Any:
        job = await self._job(request.job_id, context)
        if job.status == "processing":
            job.status = "completed"
            job.result_json = json.dumps({"task_id": job.job_id, "status": "completed"})
            self.results[job.job_id] = request.result
        return scan_service_pb2.CompleteJobResponse(job=job)

    async def FailJob(self, request: Any, context: Any) -> Any:
        job = await self._job(request.job_id, context)
        if job.status == "processing":
            job.status, job.error_reason, job.error_message = "failed", request.reason, "실패"
        return scan_service_pb2.FailJobResponse(job=job)


class CharacterDouble(character_service_pb2_grpc.CharacterServiceServicer):
    """Gives everybody the same character, unless it is switched off."""

    def __init__(self) -> None:
        self.calls = 0
        self.unavailable = False

    async def MatchCharacter(self, request: Any, context: Any) -> Any:
        self.calls += 1
        if self.unavailable:
            await context.abort(grpc.StatusCode.INTERNAL, "switched off")
        return character_service_pb2.MatchCharacterResponse(
            character=character_service_pb2.Character(
                character_id=str(uuid.uuid5(uuid.NAMESPACE_URL, "char-glassy")),
                code="char-glassy",
                name="글래시",
                type="유리병",
                dialog="안녕",
            ),
            match_reason=f"{request.middle_category}>{request.minor_category}",
        )


@dataclass
class Line:
    """A running pipeline and everything around it."""

    context: ProcessContext
    simulator: Simulator
    scan: ScanDouble
    character: CharacterDouble
    redis: Redis
    publisher: ProgressPublisher
    producer: Producer
    users: dict[str, str] = field(default_factory=dict)

    async def submit(self, *, deadline_seconds: float = 60.0, question: str = "") -> str:
        """Accept a scan as the scan service does; its job id."""
        task = self.task(deadline_seconds=deadline_seconds, question=question)
        await self.publisher.open_job(
            task.job_id,
            domain="scan",
            user_id=task.user_id,
            events=(ProgressEvent(job_id=task.job_id, stage="queued", status="started"),),
        )
        await self.send(task)
        return task.job_id

    def task(self, *, deadline_seconds: float = 60.0, question: str = "") -> scan_task_pb2.ScanTask:
        """A job the scan service knows."""
        job_id, user_id = str(uuid.uuid4()), str(uuid.uuid4())
        self.scan.jobs[job_id] = scan_pb2.Job(job_id=job_id, user_id=user_id, status="processing")
        self.users[job_id] = user_id
        now = time.time()
        return scan_task_pb2.ScanTask(
            job_id=job_id,
            user_id=user_id,
            image_url=f"https://images.example/scan/{job_id}.jpg",
            image_key=f"scan/{job_id}.jpg",
            image_content_type="image/jpeg",
            user_input=question,
            submitted_at_ms=int(now * 1000),
            deadline_ms=int((now + deadline_seconds) * 1000),
        )

    async def send(self, task: scan_task_pb2.ScanTask) -> None:
        """Send a job to the first stage."""
        await self.producer.send(SCAN_VISION, task.job_id, task, deadline=task.deadline_ms / 1000)

    async def events(self, job_id: str) -> list[StoredEvent]:
        """What was published about a job."""
        return list((await Histories(self.redis).read(job_id, START)).events)

    async def ended(self, job_id: str, within_seconds: float = 30.0) -> list[StoredEvent]:
        """Wait for the last event of a job; all of them."""

        async def over() -> list[StoredEvent] | None:
            found = await self.events(job_id)
            return found if found and found[-1].is_terminal else None

        return await until(over, within_seconds=within_seconds, what=f"the end of job {job_id}")


def told(events: list[StoredEvent]) -> list[tuple[str, str]]:
    """Stage and status of events."""
    return [(event.stage, event.status) for event in events]


WHOLE = [
    ("queued", "started"),
    ("vision", "started"),
    ("vision", "completed"),
    ("rule", "started"),
    ("rule", "completed"),
    ("answer", "started"),
    ("answer", "completed"),
    ("reward", "started"),
    ("reward", "completed"),
    ("done", "completed"),
]


@pytest.fixture(scope="module")
async def line(parts: EphemeralParts) -> AsyncIterator[Line]:
    """The four stages in one process, with short time-outs."""
    simulator = Simulator(seed=3)
    await simulator.start()
    scan = ScanDouble()  # type: ignore[abstract]  # the stages call nothing else
    character = CharacterDouble()  # type: ignore[abstract]
    server = grpc.aio.server()
    scan_service_pb2_grpc.add_ScanServiceServicer_to_server(scan, server)
    character_service_pb2_grpc.add_CharacterServiceServicer_to_server(character, server)
    port = server.add_insecure_port(f"{HOST}:0")
    await server.start()
    await ensure_topics(parts.kafka_bootstrap)
    environ = {
        **parts.environ,
        "ECO2_REDIS_URL": parts.redis_url,
        "ECO2_KAFKA_BOOTSTRAP": parts.kafka_bootstrap,
        "ECO2_GRPC_SCAN": f"{HOST}:{port}",
        "ECO2_GRPC_CHARACTER": f"{HOST}:{port}",
        "OPENAI_API_KEY": "test-key",
        "OPENAI_BASE_URL": simulator.url,
        "ECO2_MODEL_IMAGE": "url",
        "ECO2_MODEL_CALL_TIMEOUT_SECONDS": "1",
        "ECO2_MODEL_BREAKER_OPEN_SECONDS": "0.3",
        "ECO2_MODEL_BREAKER_OPEN_MAX_SECONDS": "1",
        "ECO2_STAGE_VISION_SECONDS": "3",
        "ECO2_STAGE_ANSWER_SECONDS": "3",
        "ECO2_STAGE_LEASE_SECONDS": "2",
        "ECO2_STAGE_REDIS_PATIENCE_SECONDS": "1",
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environ.items():
            patch.setenv(name, value)
        context = ProcessContext(RuntimeSettings())
        component = await build_stages()(context)
        works = [asyncio.create_task(work.run()) for work in component.background]
        await until(lambda: _passes(component.checks["kafka-assignment"]), within_seconds=30)
    redis = context.redis()
    producer = await shared_producer(context)
    publisher = ProgressPublisher(redis)
    yield Line(context, simulator, scan, character, redis, publisher, producer)
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
def _behaves_again(request: pytest.FixtureRequest) -> None:
    """Every test begins with a model and services that work."""
    if "line" in request.fixturenames:
        line: Line = request.getfixturevalue("line")
        line.simulator.behaviour = Behaviour(scale=0.02, middle="유리병")
        line.simulator.set(down_seconds=0.0)
        line.scan.unavailable = line.character.unavailable = False


async def _passes(check: Any) -> bool:
    try:
        await check()
    except Exception:
        return False
    return True
