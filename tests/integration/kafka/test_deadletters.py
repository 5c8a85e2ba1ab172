from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from google.protobuf.wrappers_pb2 import StringValue

from services.runtime.context import ProcessContext
from services.runtime.settings import RuntimeSettings
from streaming.kafka import headers as h
from streaming.kafka.admin import ensure_topics
from streaming.kafka.consumer import Poison, Record, Retryable, Runner
from streaming.kafka.deadletters import DeadLetterError, open_queues
from streaming.kafka.producer import Producer
from streaming.kafka.reprocess import replay_waiting, reprocess
from streaming.kafka.topics import ARCHIVE, SCAN_RULE, Topic
from streaming.workers.dlq import build
from tests.integration.kafka.conftest import QUICK, Recorder, Topics, consuming, send_all
from tests.wait import until

pytestmark = pytest.mark.parts


async def _waiting(topics: Topics, topic: Topic) -> list[str]:
    async with open_queues(topics.bootstrap, [topic.dlq]) as queues:
        return [letter.reason async for letter in queues.waiting(topic.dlq)]


async def _archived(topics: Topics, topic: Topic) -> list[str]:
    async with open_queues(topics.bootstrap, [ARCHIVE]) as queues:
        return [
            (letter.key or b"").decode()
            async for letter in queues.all(ARCHIVE)
            if letter.topic == topic.name
        ]


async def test_the_reprocessor_replays_three_rounds_and_then_archives(
    topics: Topics, producer: Producer
) -> None:
    topic = await topics.make(retry=(0.05,), partitions=1)
    healed = False

    async def script(record: Record[StringValue]) -> None:
        match record.message.value:
            case "heals":
                if not healed:
                    raise Retryable("DOWN")
            case "hopeless":
                raise Retryable("DOWN")
            case "poison":
                raise Poison("BAD")

    recorder = Recorder(script)
    runner = Runner(
        {topic: recorder.handle},
        group_id=topic.name,
        connection=topics.bootstrap,
        producer=producer,
        timing=QUICK,
    )

    async def reasons(*expected: str) -> None:
        async def there() -> bool:
            return sorted(await _waiting(topics, topic)) == sorted(expected)

        await until(there, every_seconds=0.2, what=f"{expected} waiting")

    async with consuming(runner):
        await send_all(producer, topic, ["heals", "hopeless", "poison"])
        await reasons("DOWN", "DOWN", "BAD")
        first = await reprocess(topics.bootstrap, producer, [topic])
        assert (first.replayed[topic.name], first.archived[topic.name]) == (2, 1)
        await reasons("DOWN", "DOWN")
        healed = True
        second = await reprocess(topics.bootstrap, producer, [topic])
        assert second.replayed[topic.name] == 2
        await until(lambda: "heals" in recorder.done, what="the healed one")
        await reasons("DOWN")
        assert (await reprocess(topics.bootstrap, producer, [topic])).replayed.total() == 1
        await reasons("DOWN")
        last = await reprocess(topics.bootstrap, producer, [topic])
        assert (last.replayed.total(), last.archived.total()) == (0, 1)
        await reasons()
        assert (await reprocess(topics.bootstrap, producer, [topic])).replayed.total() == 0
    assert sorted(await _archived(topics, topic)) == ["hopeless", "poison"]
    assert recorder.attempts["hopeless"] == [1, 2] * 4, "each round begins with a first attempt"


async def test_an_expired_letter_is_archived_but_a_person_may_replay_it(
    topics: Topics, producer: Producer
) -> None:
    topic = await topics.make(partitions=1)
    recorder = Recorder()
    runner = Runner(
        {topic: recorder.handle},
        group_id=topic.name,
        connection=topics.bootstrap,
        producer=producer,
        timing=QUICK,
    )
    async with consuming(runner):
        await send_all(producer, topic, ["late", "later"], deadline=time.time() - 1)

        async def two() -> bool:
            return len(await _waiting(topics, topic)) == 2

        await until(two, every_seconds=0.2, what="two letters")
        async with open_queues(topics.bootstrap, [topic.dlq]) as queues:
            assert await queues.retained(topic.dlq) == 2
            letter = await queues.one(topic.dlq, 0, 1)
            assert letter.key == b"later"
            assert letter.message({topic.name: topic}) == "later"
            with pytest.raises(DeadLetterError, match="no record 0:99"):
                await queues.one(topic.dlq, 0, 99)
            assert await replay_waiting(producer, queues, topic.dlq) == 2
        await until(lambda: sorted(recorder.done) == ["late", "later"], what="both done")
        assert await _waiting(topics, topic) == []

        await send_all(producer, topic, ["last"], deadline=time.time() - 1)

        async def one() -> bool:
            return len(await _waiting(topics, topic)) == 1

        await until(one, every_seconds=0.2, what="one letter")
        report = await reprocess(topics.bootstrap, producer, [topic])
        assert (report.replayed.total(), report.archived.total()) == (0, 1)
    assert await _archived(topics, topic) == ["last"]


async def test_replays_count_their_rounds_and_forget_the_last_attempt(
    topics: Topics, producer: Producer
) -> None:
    topic = await topics.make(partitions=1, retry=())
    seen: list[dict[str, str]] = []

    async def script(record: Record[StringValue]) -> None:
        seen.append(dict(record.headers))
        if len(seen) == 1:
            raise Retryable("ONCE")

    recorder = Recorder(script)
    runner = Runner(
        {topic: recorder.handle},
        group_id=topic.name,
        connection=topics.bootstrap,
        producer=producer,
        timing=QUICK,
    )
    async with consuming(runner):
        await producer.send(topic, "k", StringValue(value="x"), headers={"mine": "kept"})

        async def dead() -> bool:
            return len(await _waiting(topics, topic)) == 1

        await until(dead, every_seconds=0.2, what="the letter")
        await reprocess(topics.bootstrap, producer, [topic])
        await until(lambda: recorder.done, what="the replay")
    assert seen[1][h.ROUND] == "1"
    assert seen[1]["mine"] == "kept"
    assert seen[1][h.ORIGIN] == f"{topic.name}:0:0"
    assert not {h.REASON, h.DEAD, h.ATTEMPT} & seen[1].keys()


async def test_a_queue_that_does_not_exist_is_named(topics: Topics) -> None:
    with pytest.raises(DeadLetterError, match=r"there is no topic nothing\.dlq"):
        async with open_queues(topics.bootstrap, ["nothing.dlq"]):
            pass


async def test_the_worker_works_the_queues_off_on_its_schedule(
    topics: Topics, producer: Producer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ECO2_KAFKA_BOOTSTRAP", topics.bootstrap)
    monkeypatch.setenv("ECO2_DLQ_INTERVAL_SECONDS", "0.2")
    await ensure_topics(topics.bootstrap)
    task = SCAN_RULE.message_type()(job_id="job-9")
    lost = {h.DEAD: "exhausted", h.REASON: "DOWN", h.ORIGIN: f"{SCAN_RULE.name}:0:0"}
    await producer.forward(SCAN_RULE.dlq, b"job-9", task.SerializeToString(), lost)
    seen: list[str] = []

    async def handle(record: Record[Any]) -> None:
        seen.append(record.message.job_id)

    context = ProcessContext(RuntimeSettings())
    component = await build(context)
    working = asyncio.create_task(component.background[0].run())
    runner = Runner(
        {SCAN_RULE: handle},
        group_id="test.dlq-worker",
        connection=topics.bootstrap,
        producer=producer,
        timing=QUICK,
    )
    try:
        async with consuming(runner):
            await until(lambda: seen == ["job-9"], what="the replayed record")
        await component.checks["kafka"]()
        assert not working.done()
    finally:
        working.cancel()
        await context.close()
    assert await _waiting(topics, SCAN_RULE) == []
