"""What a dispatcher does with records that failed, while the brokers are away."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import pytest
from aiokafka.structs import ConsumerRecord
from eco2.pipeline.v1 import scan_task_pb2

from services.runtime import logs
from services.runtime.repetition import Repetitions
from streaming.kafka import dispatch
from streaming.kafka.dispatch import Dispatcher
from streaming.kafka.ledger import Ledger, Place
from streaming.kafka.producer import DeliveryError
from streaming.kafka.record import Record
from streaming.kafka.retry import Poison
from streaming.kafka.topics import SCAN_VISION
from streaming.kafka.work import Channel, Work

TRIES = 12
LINES = 3


class Brokers:
    """Takes nothing until it was asked so often."""

    def __init__(self, refused: int) -> None:
        self.refused = refused
        self.sent: list[str] = []

    async def forward(self, topic: str, key: Any, value: Any, headers: Mapping[str, str]) -> None:
        if self.refused:
            self.refused -= 1
            raise DeliveryError("no acknowledgement")
        self.sent.append(topic)


class Reader:
    """The member that has read the record."""

    def __init__(self) -> None:
        self.ledger: Ledger[Work] = Ledger()
        self.done: list[int] = []

    def finished(self, work: Work) -> None:
        self.done.append(work.offset)


def raw(task: scan_task_pb2.ScanTask) -> Any:
    return ConsumerRecord(
        topic=SCAN_VISION.name, partition=0, offset=7, timestamp=0, timestamp_type=0,
        key=task.job_id.encode(), value=task.SerializeToString(), checksum=None,
        serialized_key_size=0, serialized_value_size=0, headers=(),
    )  # fmt: skip


async def test_a_dead_job_is_ended_once_and_an_outage_writes_few_lines(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(dispatch, "PERSIST_FIRST_SECONDS", 0.001)
    monkeypatch.setattr(dispatch, "PERSIST_MAX_SECONDS", 0.002)
    monkeypatch.setattr(logs, "_repetitions", Repetitions(3600.0, LINES))
    ended: list[str] = []

    async def fails(record: Record[Any]) -> None:
        raise Poison("IMAGE_NOT_FOUND")

    async def on_dead(record: Record[Any], reason: str) -> None:
        ended.append(reason)

    reader, brokers = Reader(), Brokers(refused=TRIES)
    away: Any = brokers
    dispatcher = Dispatcher(away)
    channel = Channel(
        SCAN_VISION, fails, group_id="g", max_in_flight=1, timeout_seconds=5.0, on_dead=on_dead
    )
    place = Place(SCAN_VISION.name, 0)
    work = Work(raw(scan_task_pb2.ScanTask(job_id="j")), place, channel, reader)
    reader.ledger.assign([place])
    assert reader.ledger.read(work)
    with caplog.at_level(logging.INFO, "streaming.kafka"):
        dispatcher.offer(work)
        dispatcher.pump(channel)
        assert await dispatcher.idle(20.0)
    assert (reader.done, brokers.sent, ended) == ([7], [SCAN_VISION.dlq], ["IMAGE_NOT_FOUND"])
    lines = [record for record in caplog.records if "trying again" in record.getMessage()]
    fields = [vars(record)["eco2_fields"] for record in lines]
    assert [each["tries"] for each in fields] == [1, 2, 3]
