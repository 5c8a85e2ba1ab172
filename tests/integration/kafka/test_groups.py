from __future__ import annotations

import asyncio
import dataclasses
import signal
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError
from google.protobuf.wrappers_pb2 import StringValue
from prometheus_client import REGISTRY

from mesh.local.ephemeral import EphemeralParts
from streaming.kafka.admin import ensure_topics
from streaming.kafka.connection import Connection
from streaming.kafka.consumer import NotReadyError, Record, Runner, Timing
from streaming.kafka.producer import DeliveryError, Producer
from streaming.kafka.topics import Topic
from tests.integration.kafka.conftest import QUICK, Recorder, Topics, consuming, send_all
from tests.wait import until

pytestmark = pytest.mark.parts

ROOT = Path(__file__).parents[3]


async def _worker(topics: Topics, topic: Topic) -> asyncio.subprocess.Process:
    """A consumer in a process of its own that prints what it handled."""
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.integration.kafka.worker",
        topics.bootstrap,
        topic.name,
        topic.name,
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        env={"PYTHONPATH": f"{ROOT}:{ROOT / 'gen/python'}", "PATH": ""},
    )


async def test_what_a_killed_process_was_doing_is_done_by_another(
    topics: Topics, producer: Producer
) -> None:
    topic = await topics.make(retry=())
    names = [str(n) for n in range(60)]
    await send_all(producer, topic, names)
    worker = await _worker(topics, topic)
    assert worker.stdout is not None
    finished_there: set[str] = set()
    while len(finished_there) < 40:  # all but every third, which hang
        line = await asyncio.wait_for(worker.stdout.readline(), 30)
        assert line, "the worker ended by itself"
        finished_there.add(line.decode().strip())
    worker.send_signal(signal.SIGKILL)
    await worker.wait()

    recorder = Recorder()
    runner = Runner(
        {topic: recorder.handle},
        group_id=topic.name,
        connection=topics.bootstrap,
        producer=producer,
        timing=QUICK,
    )
    async with consuming(runner):
        await until(
            lambda: finished_there | set(recorder.done) == set(names),
            within_seconds=20,
            what="every record done by one of the two",
        )
        await until(lambda: sum(runner.lag().values()) == 0, what="all committed")
    assert set(recorder.done) >= set(names) - finished_there


async def test_a_frozen_process_gives_its_work_up_and_is_a_member_again_when_it_thaws(
    topics: Topics, producer: Producer
) -> None:
    topic = await topics.make(retry=(), partitions=2)
    worker = await _worker(topics, topic)
    assert worker.stdout is not None
    try:
        await send_all(producer, topic, ["1", "2", "4", "5"])
        before = {int(await asyncio.wait_for(worker.stdout.readline(), 30)) for _ in range(4)}
        assert before == {1, 2, 4, 5}
        worker.send_signal(signal.SIGSTOP)
        recorder = Recorder()
        runner = Runner(
            {topic: recorder.handle},
            group_id=topic.name,
            connection=topics.bootstrap,
            producer=producer,
            timing=QUICK,
        )
        async with consuming(runner):
            await send_all(producer, topic, ["7", "8", "10", "11"])
            await until(
                lambda: set(recorder.done) >= {"7", "8", "10", "11"},
                within_seconds=20,
                what="the other doing its work",
            )
            worker.send_signal(signal.SIGCONT)
        await send_all(producer, topic, ["13", "14", "16", "17"])
        after: set[int] = set()
        while not after >= {13, 14, 16, 17}:
            after.add(int(await asyncio.wait_for(worker.stdout.readline(), 30)))
    finally:
        worker.kill()
        await worker.wait()


async def test_a_static_member_that_was_killed_goes_on_at_once_and_sees_topics_grow(
    topics: Topics, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streaming.kafka.connection.METADATA_MAX_AGE_MS", 500)
    timing = dataclasses.replace(QUICK, session_timeout_seconds=30.0)
    topic = await topics.make(partitions=2, retry=())
    named = Connection(bootstrap=topics.bootstrap, instance="worker-0")
    producer = Producer(named, send_timeout_seconds=10.0)
    await producer.start()
    recorder = Recorder()

    def runner() -> Runner:
        return Runner(
            {topic: recorder.handle},
            group_id=topic.name,
            connection=named,
            producer=producer,
            timing=timing,
        )

    killed = asyncio.create_task(runner().run())
    await send_all(producer, topic, ["1", "2"])
    await until(lambda: len(recorder.done) == 2, within_seconds=20, what="the first life")
    killed.cancel()  # a static member leaves no group, so to the broker this is a crash
    await asyncio.wait([killed])
    loop = asyncio.get_running_loop()
    began = loop.time()
    async with consuming(runner()):
        assert loop.time() - began < timing.session_timeout_seconds / 2
        await ensure_topics(topics.bootstrap, topics=[dataclasses.replace(topic, partitions=8)])
        names = [str(n) for n in range(10, 200)]

        async def reaches_new_partitions() -> bool:
            await send_all(producer, topic, names)
            return len(await topics.committed(topic.name)) == 8

        await until(
            reaches_new_partitions, within_seconds=20, every_seconds=0.3, what="all eight in use"
        )
    await producer.stop()


async def test_draining_finishes_what_runs_and_leaves_the_rest_to_the_next(
    topics: Topics, producer: Producer
) -> None:
    topic = await topics.make(partitions=1, retry=())
    release = asyncio.Event()

    async def script(record: Record[StringValue]) -> None:
        if record.message.value == "stuck":
            await asyncio.sleep(3600)
        await release.wait()

    first, second = Recorder(script), Recorder()

    def runner(recorder: Recorder) -> Runner:
        return Runner(
            {topic: recorder.handle},
            group_id=topic.name,
            connection=topics.bootstrap,
            producer=producer,
            max_in_flight=3,
            timing=QUICK,
        )

    await send_all(producer, topic, ["a", "b", "stuck", "queued"])

    async def draining() -> None:
        await until(lambda: _refuses(one), what="the drain")
        release.set()

    async with consuming(runner(first), drain_seconds=3.0) as one:
        await until(lambda: len(first.running) == 3, what="three running")
        ending = asyncio.create_task(draining())
    await ending
    with pytest.raises(NotReadyError):
        await one.ready()
    assert sorted(first.done) == ["a", "b"]
    assert "queued" not in first.started
    assert await topics.committed(topic.name) == {(topic.name, 0): 2}
    async with consuming(runner(second)):
        await until(lambda: len(second.done) == 2, what="the rest")
    assert sorted(second.done) == ["queued", "stuck"]


async def test_long_handlers_live_through_rebalances_and_run_once_a_process(
    topics: Topics, producer: Producer
) -> None:
    topic = await topics.make(partitions=6)
    names = [f"long-{n}" for n in range(24)]
    back = asyncio.Event()

    async def script(record: Record[StringValue]) -> None:
        if record.message.value.startswith("long"):
            await asyncio.sleep(7)  # longer than the session
            await back.wait()

    first, second = Recorder(script), Recorder(script)

    def runner(recorder: Recorder) -> Runner:
        return Runner(
            {topic: recorder.handle},
            group_id=topic.name,
            connection=topics.bootstrap,
            producer=producer,
            timing=QUICK,
        )

    async with consuming(runner(first), drain_seconds=10) as one:
        await send_all(producer, topic, names)
        await until(lambda: len(first.running) == len(names), what="all of them running")
        async with consuming(runner(second), drain_seconds=0.6):
            await until(lambda: second.running, what="the other member having taken some over")
            taken_over = set(second.running)
        # the other member gave up: its partitions come back while the first still works on them
        await send_all(producer, topic, ["short-1", "short-2", "short-3"])
        await until(lambda: len(first.done) >= 3, within_seconds=20, what="what came meanwhile")
        back.set()
        await until(
            lambda: len(first.done) == len(names) + 3, within_seconds=20, what="everything done"
        )
        await until(lambda: one.lag() and sum(one.lag().values()) == 0, what="all committed")
    assert taken_over
    assert second.done == []
    assert Counter(first.started).most_common(1)[0][1] == 1, "nothing was started twice"
    assert sum((await topics.committed(topic.name)).values()) == len(names) + 3


async def test_a_broken_client_is_replaced_while_its_handlers_go_on(
    topics: Topics, producer: Producer, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = await topics.make(retry=())
    release = asyncio.Event()
    recorder = Recorder(lambda record: release.wait())
    runner = Runner(
        {topic: recorder.handle},
        group_id=topic.name,
        connection=topics.bootstrap,
        producer=producer,
        timing=QUICK,
    )
    broken: list[AIOKafkaConsumer] = []
    healthy = AIOKafkaConsumer.getmany

    async def getmany(consumer: AIOKafkaConsumer, *partitions: Any, **more: Any) -> Any:
        if recorder.running and (not broken or consumer in broken):
            broken.append(consumer)
            raise KafkaError("the coordinator is confused")
        return await healthy(consumer, *partitions, **more)

    async with consuming(runner):
        await send_all(producer, topic, ["a", "b", "c"])
        monkeypatch.setattr(AIOKafkaConsumer, "getmany", getmany)
        await until(lambda: len(recorder.running) == 3 and broken, what="the client breaking")
        await send_all(producer, topic, ["d", "e"])
        await until(lambda: len(recorder.running) == 5, what="reading on with another client")
        release.set()
        await until(lambda: len(recorder.done) == 5, what="everything done")
        await until(lambda: sum(runner.lag().values()) == 0, what="all committed")
    assert sorted(recorder.started) == ["a", "b", "c", "d", "e"], "nothing was started twice"
    assert sum((await topics.committed(topic.name)).values()) == 5


async def test_a_saturated_member_stays_in_its_group(topics: Topics, producer: Producer) -> None:
    topic = await topics.make(partitions=2, retry=())
    release = asyncio.Event()

    async def script(record: Record[StringValue]) -> None:
        await release.wait()

    recorder = Recorder(script)
    timing = Timing(
        session_timeout_seconds=6.0,
        heartbeat_seconds=0.3,
        max_poll_interval_seconds=2.0,
        poll_seconds=0.2,
        commit_seconds=0.1,
    )
    runner = Runner(
        {topic: recorder.handle},
        group_id=topic.name,
        connection=topics.bootstrap,
        producer=producer,
        max_in_flight=4,
        timing=timing,
    )
    await send_all(producer, topic, [str(n) for n in range(300)])
    async with consuming(runner):
        await until(lambda: len(recorder.running) == 4, what="saturation")
        scraped = {"group": topic.name, "topic": topic.name}
        assert REGISTRY.get_sample_value("eco2_kafka_in_flight", scraped) == 4

        def lag() -> float:
            return sum(
                REGISTRY.get_sample_value("eco2_kafka_lag", {**scraped, "partition": str(n)}) or 0
                for n in range(2)
            )

        await until(lambda: lag() == 300, what="the lag of both partitions")
        # longer than a member that stops polling would be kept
        for _ in range(30):
            await asyncio.sleep(0.1)
            await runner.ready()
            assert len(recorder.started) == 4
        release.set()
        await until(lambda: len(recorder.done) == 300, what="the backlog worked off")
        await until(lambda: sum(runner.lag().values()) == 0, what="all committed")
        handled = {**scraped, "outcome": "handled"}
        assert REGISTRY.get_sample_value("eco2_kafka_records_total", handled) == 300
    assert recorder.most_running == 4
    assert len(recorder.started) == 300, "no rebalance made it start anything again"


async def test_a_saturated_topic_holds_up_no_other(topics: Topics, producer: Producer) -> None:
    busy, free = await topics.make(retry=()), await topics.make(retry=())
    release = asyncio.Event()

    async def script(record: Record[StringValue]) -> None:
        if record.topic is busy:
            await release.wait()

    recorder = Recorder(script)
    runner = Runner(
        {busy: recorder.handle, free: recorder.handle},
        group_id=busy.name,
        connection=topics.bootstrap,
        producer=producer,
        max_in_flight={busy.name: 2},
        timing=QUICK,
    )
    async with consuming(runner):
        await send_all(producer, busy, [f"busy-{n}" for n in range(200)])
        await until(lambda: len(recorder.running) == 2, what="saturation")
        await send_all(producer, free, [f"free-{n}" for n in range(50)])
        await until(lambda: len(recorder.done) == 50, what="the other topic's records done")
        assert all(name.startswith("free") for name in recorder.done)
        release.set()
        await until(lambda: len(recorder.done) == 250, what="the rest")


async def test_a_broker_that_is_killed_and_comes_back_loses_nothing(
    topics: Topics, parts: EphemeralParts
) -> None:
    topic = await topics.make(retry=())
    producer = Producer(topics.bootstrap, send_timeout_seconds=1.0)
    await producer.start()
    recorder = Recorder(lambda record: asyncio.sleep(0.05))
    acknowledged: list[str] = []
    refused: list[str] = []
    restarted = asyncio.Event()

    async def load() -> None:
        """Sends until a while after the restart; what was refused is sent again, as a sweeper
        does.
        """
        number = 0
        after = 0
        while after < 100:
            number += 1
            after += restarted.is_set()
            name = str(number)
            try:
                await producer.send(topic, name, StringValue(value=name))
                acknowledged.append(name)
            except DeliveryError:
                refused.append(name)
                after = 0

    runner = Runner(
        {topic: recorder.handle},
        group_id=topic.name,
        connection=topics.bootstrap,
        producer=producer,
        timing=QUICK,
    )
    async with consuming(runner):
        loading = asyncio.create_task(load())
        await until(lambda: len(recorder.done) > 50, what="load")
        await asyncio.to_thread(parts.restart, "kafka")
        restarted.set()
        async with asyncio.timeout(30):
            await loading
        for name in refused:
            await producer.send(topic, name, StringValue(value=name), timeout_seconds=10)
        wanted = {*acknowledged, *refused}
        await until(
            lambda: set(recorder.done) >= wanted, within_seconds=30, what="every record handled"
        )
        await until(lambda: sum(runner.lag().values()) == 0, what="all committed")
    await producer.stop()
    assert len(acknowledged) > 100


async def test_a_producer_without_a_broker_starts_and_refuses_in_time(topics: Topics) -> None:
    topic = await topics.make()
    producer = Producer("127.0.0.1:1", send_timeout_seconds=0.3)
    loop = asyncio.get_running_loop()
    began = loop.time()
    await producer.start()
    with pytest.raises(DeliveryError, match="within"):
        await producer.send(topic, "k", StringValue(value="x"))
    with pytest.raises(DeliveryError):
        await producer.check()
    assert loop.time() - began < 10.0
    await producer.stop()


async def test_a_message_of_another_type_is_refused(topics: Topics, producer: Producer) -> None:
    topic = await topics.make(message="google.protobuf.BoolValue")
    with pytest.raises(ValueError, match=r"carries google\.protobuf\.BoolValue"):
        await producer.send(topic, "k", StringValue(value="x"))


async def _refuses(runner: Runner) -> bool:
    """Whether a runner takes no more work."""
    try:
        await runner.ready()
    except NotReadyError:
        return True
    return False
