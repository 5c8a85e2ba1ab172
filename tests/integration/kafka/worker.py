"""A consumer process to be killed: ``python -m tests.integration.kafka.worker``."""

from __future__ import annotations

import asyncio
import sys

from google.protobuf.wrappers_pb2 import StringValue

from streaming.kafka.consumer import Record, Runner
from streaming.kafka.producer import Producer
from streaming.kafka.topics import Topic
from tests.integration.kafka.conftest import QUICK


async def _work(bootstrap: str, name: str, group: str) -> None:
    topic = Topic(
        name=name,
        key="name",
        message="google.protobuf.StringValue",
        partitions=4,
        retention_seconds=3600,
        producer="test",
        consumers=("test",),
    )

    async def handle(record: Record[StringValue]) -> None:
        number = int(record.message.value)
        if number % 3 == 0:
            await asyncio.sleep(3600)  # in the middle of it when the process is killed
        print(number, flush=True)

    producer = Producer(bootstrap)
    await producer.start()
    runner = Runner(
        {topic: handle}, group_id=group, connection=bootstrap, producer=producer, timing=QUICK
    )
    await runner.run()


if __name__ == "__main__":
    asyncio.run(_work(*sys.argv[1:4]))
