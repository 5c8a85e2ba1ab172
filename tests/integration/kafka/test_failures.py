from __future__ import annotations

import asyncio
import time

import pytest
from google.protobuf.wrappers_pb2 import StringValue

from streaming.kafka import headers as h
from streaming.kafka.consumer import DEADLINE_EXCEEDED, Poison, Record, Retryable, Runner
from streaming.kafka.producer import Producer
from tests.integration.kafka.conftest import QUICK, Recorder, Topics, consuming, send_all
from tests.wait import until

pytestmark = pytest.mark.parts


async def test_a_failure_is_retried_from_a_retry_topic_until_it_works(
    topics: Topics, producer: Producer
) -> None:
    topic = await topics.make()
    waits: dict[int, float] = {}

    async def script(record: Record[StringValue]) -> None:
        waits[record.attempt] = time.time()
        if record.attempt == 1:
            assert record.source == topic.name
            raise Retryable("NOT_YET")
        assert record.source == topic.retry_topic(record.attempt - 1)
        assert record.topic is topic
        assert record.headers["kept"] == "by every retry"
        if record.attempt == 2:
            raise RuntimeError("password=hunter2")

    recorder = Recorder(script)
    async with consuming(
        Runner(
            {topic: recorder.handle},
            group_id=topic.name,
            connection=topics.bootstrap,
            producer=producer,
            timing=QUICK,
        )
    ):
        await producer.send(
            topic, "k", StringValue(value="flaky"), headers={"kept": "by every retry"}
        )
        await until(lambda: recorder.done, what="success at the third attempt")
    assert recorder.attempts["flaky"] == [1, 2, 3]
    assert waits[2] - waits[1] >= 0.1
    assert waits[3] - waits[2] >= 0.2
    assert await topics.letters(topic) == []


async def test_exhausted_poison_expired_and_undecodable_records_become_dead_letters(
    topics: Topics, producer: Producer
) -> None:
    topic = await topics.make()

    async def script(record: Record[StringValue]) -> None:
        match record.message.value:
            case "poison":
                raise Poison("NOT_AN_IMAGE")
            case "hopeless":
                raise ValueError("secret=1")

    recorder = Recorder(script)
    told = 0

    async def unreliable(record: Record[StringValue], reason: str) -> None:
        nonlocal told
        told += 1
        if told == 1:
            raise ConnectionError("not now")
        await recorder.on_dead(record, reason)

    async with consuming(
        Runner(
            {topic: recorder.handle},
            group_id=topic.name,
            connection=topics.bootstrap,
            producer=producer,
            on_dead=unreliable,
            timing=QUICK,
        )
    ) as runner:
        await send_all(producer, topic, ["poison", "hopeless", "fine"])
        await send_all(producer, topic, ["late"], deadline=time.time() - 1)
        await producer.forward(topic.name, b"k1", b"\xff\xff\xff", {})
        await producer.forward(topic.name, b"k2", b"", {h.SCHEMA: "eco2.other.v1.Thing"})
        await producer.forward(topic.name, b"k3", None, {})
        await until(lambda: len(recorder.dead) == 3 and recorder.done, what="the three deaths")

        async def six_letters() -> bool:
            return len(await topics.letters(topic)) == 6

        await until(six_letters, every_seconds=0.2, what="six dead letters")
        await until(lambda: sum(runner.lag().values()) == 0, what="no partition blocked")

    assert set(recorder.dead) == {
        ("poison", "NOT_AN_IMAGE"),
        ("hopeless", "ValueError"),
        ("late", DEADLINE_EXCEEDED),
    }
    assert recorder.done == ["fine"]
    assert recorder.attempts == {"poison": [1], "hopeless": [1, 2, 3], "fine": [1]}
    letters = {(letter.key or b"").decode(): letter for letter in await topics.letters(topic)}
    assert {key: (letter.death, letter.reason) for key, letter in letters.items()} == {
        "poison": ("poison", "NOT_AN_IMAGE"),
        "hopeless": ("exhausted", "ValueError"),
        "late": ("deadline", DEADLINE_EXCEEDED),
        "k1": ("undecodable", "NOT_THE_MESSAGE"),
        "k2": ("undecodable", "SCHEMA_eco2.other.v1.Thing"),
        "k3": ("undecodable", "NO_VALUE"),
    }
    assert letters["hopeless"].headers[h.ATTEMPT] == "3"
    assert letters["hopeless"].headers[h.ORIGIN].startswith(f"{topic.name}:")
    assert not any("secret" in value for value in letters["hopeless"].headers.values())


async def test_a_topic_retried_in_place_keeps_the_order_of_a_key(
    topics: Topics, producer: Producer
) -> None:
    topic = await topics.make(in_place=True, retry=(0.6, 0.1), partitions=1)
    order: list[tuple[str, int]] = []

    async def script(record: Record[StringValue]) -> None:
        order.append((record.message.value, record.attempt))
        if record.message.value == "chat:1" and record.attempt < 3:
            raise Retryable

    recorder = Recorder(script)
    for key, name in (("chat", "chat:1"), ("chat", "chat:2"), ("other", "other:1")):
        await producer.send(topic, key, StringValue(value=name))
    async with consuming(
        Runner(
            {topic: recorder.handle},
            group_id=topic.name,
            connection=topics.bootstrap,
            producer=producer,
            timing=QUICK,
            max_in_flight=1,
        )
    ):
        await until(lambda: len(recorder.done) == 3, what="all three done")
    assert order == [
        ("chat:1", 1),
        ("other:1", 1),  # another chat is not held up, even by a limit of one
        ("chat:1", 2),
        ("chat:1", 3),
        ("chat:2", 1),
    ]


async def test_a_hanging_handler_is_cut_off_and_retried(topics: Topics, producer: Producer) -> None:
    topic = await topics.make()

    async def script(record: Record[StringValue]) -> None:
        if record.attempt == 1:
            await asyncio.sleep(3600)

    recorder = Recorder(script)
    async with consuming(
        Runner(
            {topic: recorder.handle},
            group_id=topic.name,
            connection=topics.bootstrap,
            producer=producer,
            timing=QUICK,
            timeout_seconds=0.2,
        )
    ):
        await send_all(producer, topic, ["stuck"])
        await until(lambda: recorder.done == ["stuck"], what="the second attempt")


async def test_a_record_waiting_for_its_retry_survives_a_restart(
    topics: Topics, producer: Producer
) -> None:
    topic = await topics.make(retry=(4.0,))
    failed_at = 0.0

    async def script(record: Record[StringValue]) -> None:
        nonlocal failed_at
        if record.attempt == 1:
            failed_at = time.time()
            raise Retryable

    recorder = Recorder(script)

    def runner() -> Runner:
        return Runner(
            {topic: recorder.handle},
            group_id=topic.name,
            connection=topics.bootstrap,
            producer=producer,
            timing=QUICK,
        )

    async with consuming(runner()) as first:
        await send_all(producer, topic, ["patient"])
        await until(
            lambda: any(".retry." in name and lag for (name, _), lag in first.lag().items()),
            what="the record waiting in its retry topic",
        )
    assert recorder.done == []
    async with consuming(runner()):
        await until(
            lambda: recorder.done == ["patient"],
            within_seconds=20,
            what="the retry after the restart",
        )
    assert time.time() - failed_at >= 4.0
