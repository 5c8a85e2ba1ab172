"""Scans for a bridge to show, and what may be said about them."""

from __future__ import annotations

import json
import uuid
from typing import Any

from eco2.scan.v1 import scan_pb2
from google.protobuf.timestamp_pb2 import Timestamp
from redis.asyncio import Redis

from streaming.progress.event import ProgressEvent
from streaming.progress.publisher import ProgressPublisher

from .bridge import USER, Client

STAGES = ("vision", "rule", "answer", "reward")
RESULT = '{"task_id":"t","reward":null,"단계2":2,"단계1":1}'


def scan_events(job_id: str) -> list[ProgressEvent]:
    """A scan from its first stage to its end."""
    events = [
        ProgressEvent(job_id=job_id, stage=stage, status=status)
        for stage in STAGES
        for status in ("started", "completed")
    ]
    return [
        *events,
        ProgressEvent(job_id=job_id, stage="done", status="completed", result=RESULT),
    ]


class Scan:
    """A scan of the test's user."""

    def __init__(self, redis: Redis) -> None:
        self.job_id = str(uuid.uuid4())
        self._publisher = ProgressPublisher(redis)

    async def open(self, user: str = USER) -> Scan:
        queued = ProgressEvent(job_id=self.job_id, stage="queued", status="started")
        await self._publisher.open_job(self.job_id, domain="scan", user_id=user, events=[queued])
        return self

    async def publish(self, *events: ProgressEvent) -> None:
        await self._publisher.publish(*events)

    async def say(self, stage: str, status: str = "started", **more: Any) -> None:
        await self.publish(ProgressEvent(job_id=self.job_id, stage=stage, status=status, **more))

    async def run(self) -> None:
        await self.publish(*scan_events(self.job_id))


def finished_job(job_id: str, status: str = "completed", user: str = USER) -> scan_pb2.Job:
    failed = status == "failed"
    return scan_pb2.Job(
        job_id=job_id,
        user_id=user,
        status=status,
        result_json=RESULT if status == "completed" else "",
        error_reason="MODEL_UNAVAILABLE" if failed else "",
        error_message="AI 모델이 응답하지 않습니다." if failed else "",
        finished_at=None
        if status == "processing"
        else Timestamp(seconds=1_769_552_400, nanos=5_000_000),
    )


def reason_of(client: Client) -> str:
    document = json.loads(client.body)
    assert client.headers["content-type"] == "application/json"
    info, localized = document["details"]
    assert localized["locale"] == "ko-KR"
    return str(info["reason"])
