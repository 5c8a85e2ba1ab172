"""A stage while Redis is away: the job goes on, only its progress is not told."""

from __future__ import annotations

from typing import Any

import pytest
from eco2.pipeline.v1 import scan_task_pb2
from eco2.scan.v1 import scan_pb2
from google.protobuf.message import Message
from pydantic import SecretStr

from mesh.local.free_ports import PortBlock
from services.runtime import redis_clients
from services.runtime.settings import RuntimeSettings
from streaming.kafka.consumer import Record
from streaming.kafka.topics import SCAN_ANSWER, SCAN_RULE, Topic
from streaming.knowledge import load
from streaming.pipeline.settings import PipelineSettings
from streaming.pipeline.stage import Surroundings
from streaming.pipeline.stages import RuleStage
from streaming.progress.publisher import ProgressPublisher
from streaming.progress.turn import Turns


class Sent:
    """Keeps what would go to Kafka."""

    def __init__(self) -> None:
        self.messages: list[tuple[Topic, str, Message]] = []

    async def send(self, topic: Topic, key: str, message: Message, **_: Any) -> None:
        self.messages.append((topic, key, message))


async def test_a_stage_works_without_redis_and_hands_the_job_on() -> None:
    block = PortBlock()
    url = f"redis://127.0.0.1:{block.take()}/0"
    settings = RuntimeSettings(redis_url=SecretStr(url))
    async with redis_clients.connect(settings, redis_clients.Role.COMMAND) as redis:
        turns = Turns(redis, ProgressPublisher(redis), owner="test", ttl_seconds=5.0)
        sent: Any = Sent()
        endings: Any = None
        stage = RuleStage(
            Surroundings(
                turns=turns,
                endings=endings,
                settings=PipelineSettings(stage_redis_patience_seconds=0.1),
                producer=sent,
            ),
            knowledge=load(),
        )
        task = scan_task_pb2.ScanTask(
            job_id="j",
            vision=scan_task_pb2.VisionOutcome(
                classification=scan_pb2.Classification(
                    major_category="재활용폐기물", middle_category="유리병"
                )
            ),
        )
        await stage.handle(Record(SCAN_RULE, "j", task, 1, None, "", 0, 0, SCAN_RULE.name, {}))
    block.close()
    ((topic, key, message),) = sent.messages
    assert (topic, key) == (SCAN_ANSWER, "j")
    assert isinstance(message, scan_task_pb2.ScanTask)
    assert message.rule.document_id == "재활용폐기물_유리병"
    assert not task.HasField("rule"), "a record's message is not changed"


pytestmark = pytest.mark.parts
