"""Accepted jobs end, whatever was away when they were accepted."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from eco2.pipeline.v1 import scan_task_pb2
from eco2.scan.v1 import scan_service_pb2
from redis.asyncio import Redis

from mesh.local.ephemeral import EphemeralParts
from services.images.keys import ImageKey
from services.runtime.leadership import lead
from services.runtime.outbox import Outbox
from services.scan import sweeps
from services.scan.dispatch import Dispatcher
from services.scan.job import Submission
from services.scan.settings import ScanSettings
from services.scan.store import JobStore
from services.scan.sweeper import Sweeper
from streaming.kafka.outgoing import outbox_sender
from streaming.kafka.producer import Producer, shared_producer
from streaming.kafka.topics import SCAN_VISION
from streaming.progress.endings import Endings
from streaming.progress.event import START
from streaming.progress.history import Histories
from streaming.progress.publisher import ProgressPublisher
from tests.integration.backend import Backend, new_user
from tests.wait import until

pytestmark = pytest.mark.parts

NOWHERE = "127.0.0.1:9"


@dataclass
class Desk:
    """Dispatcher and sweeper as the service wires them, with parts that a test may take away."""

    dispatcher: Dispatcher
    sweeper: Sweeper
    store: JobStore
    pool: asyncpg.Pool

    async def sweep(self) -> None:
        async with self.pool.acquire() as connection:
            await self.sweeper.sweep(connection)

    async def status(self, job_id: uuid.UUID) -> str:
        job = await self.store.get(job_id)
        assert job is not None
        return job.status


def desk(backend: Backend, producer: Producer, redis: Redis, **changes: float) -> Desk:
    settings = ScanSettings().model_copy(
        update={"announce_seconds": 10.0, "resend_after_seconds": 0.0, **changes}
    )
    outbox = Outbox("scan", backend.scan_db, outbox_sender(producer))
    store, publisher = JobStore(backend.scan_db, outbox), ProgressPublisher(redis)
    dispatcher = Dispatcher(store, publisher, producer, settings)
    sweeper = Sweeper(
        backend.scan_db, dispatcher, Endings(publisher, "scan", budget_seconds=1.0), settings
    )
    return Desk(dispatcher, sweeper, store, backend.scan_db)


@pytest.fixture
async def dead_producer() -> AsyncIterator[Producer]:
    producer = Producer(NOWHERE)
    await producer.start()
    yield producer
    await producer.stop()


@pytest.fixture
async def producer(backend: Backend) -> Producer:
    return await shared_producer(backend.context)


def submission(deadline: timedelta = timedelta(minutes=15)) -> Submission:
    key = str(ImageKey.new("scan", "a.jpg", uuid.uuid4()))
    now = datetime.now(UTC)
    return Submission(
        job_id=uuid.uuid4(),
        user_id=uuid.UUID(new_user()),
        image_url=f"http://cdn.example/{key}",
        image_key=key,
        image_content_type="image/jpeg",
        user_input="병",
        model="",
        municipality="",
        traceparent="",
        created_at=now,
        deadline_at=now + deadline,
    )


async def records_of(parts: EphemeralParts, job_id: uuid.UUID) -> list[scan_task_pb2.ScanTask]:
    """Everything in the first stage's topic about a job, read from its beginning to its end now."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=parts.kafka_bootstrap,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    await consumer.start()
    try:
        partitions = [TopicPartition(SCAN_VISION.name, n) for n in range(SCAN_VISION.partitions)]
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        found = []
        for partition in partitions:
            while await consumer.position(partition) < ends[partition]:
                records = (await consumer.getmany(partition, timeout_ms=2000))[partition]
                found += [
                    scan_task_pb2.ScanTask.FromString(record.value)
                    for record in records
                    if record.key == str(job_id).encode()
                ]
        return found
    finally:
        await consumer.stop()


async def test_kafka_down_at_submit_the_sweeper_sends_later(
    backend: Backend, parts: EphemeralParts, producer: Producer, dead_producer: Producer
) -> None:
    job = submission()
    away = desk(backend, dead_producer, backend.context.redis(), announce_seconds=0.3)
    await away.store.accept(job)
    await away.dispatcher.announce(job)  # returns within its budget, and does not raise
    await away.dispatcher.flush()
    await away.sweep()
    assert await away.status(job.job_id) == "queued"

    back = desk(backend, producer, backend.context.redis())
    await back.sweep()
    assert await back.status(job.job_id) == "processing"
    (task,) = await records_of(parts, job.job_id)
    assert task == job.task()
    await back.sweep()
    assert len(await records_of(parts, job.job_id)) == 1, "acknowledged records are left alone"


async def test_only_the_first_submissions_wait_for_a_broker_that_is_away(
    backend: Backend, dead_producer: Producer, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = desk(
        backend,
        dead_producer,
        backend.context.redis(),
        announce_seconds=0.3,
        broker_pause_seconds=60.0,
    )
    jobs = [submission() for _ in range(7)]
    waited = []

    async def send(job: Submission) -> bool:
        waited.append(job)
        return await sending(job)

    sending = away.dispatcher.send
    monkeypatch.setattr(away.dispatcher, "send", send)
    for job in jobs:
        await away.store.accept(job)
        await away.dispatcher.announce(job)
    assert waited == jobs[:3]


async def test_redis_down_at_submit_the_record_is_sent_all_the_same(
    backend: Backend, parts: EphemeralParts, producer: Producer
) -> None:
    redis = Redis.from_url("redis://127.0.0.1:9/0", socket_connect_timeout=0.2)
    one = desk(backend, producer, redis)
    job = submission()
    await one.store.accept(job)
    await one.dispatcher.announce(job)
    await one.dispatcher.flush()
    assert await one.status(job.job_id) == "processing"
    assert await records_of(parts, job.job_id)


async def test_job_past_its_deadline_fails_and_its_watchers_learn_it(
    backend: Backend, producer: Producer
) -> None:
    one = desk(backend, producer, backend.context.redis())
    late, in_time = submission(timedelta(seconds=-1)), submission()
    for job in (late, in_time):
        await one.store.accept(job)
        await one.dispatcher.open(job)
    await one.sweep()
    stored = await one.store.get(late.job_id)
    assert stored is not None
    assert (stored.status, stored.error_reason) == ("failed", "JOB_DEADLINE_EXCEEDED")
    history = await Histories(backend.context.redis()).read(str(late.job_id), START)
    assert history.events[-1].is_terminal
    assert await one.status(in_time.job_id) == "processing"
    answer = await backend.scan.GetJob(scan_service_pb2.GetJobRequest(job_id=str(late.job_id)))
    assert answer.job.error_message == "처리 시간이 초과되었습니다. 다시 시도해 주세요."


async def test_cancelled_job_is_not_sent(
    backend: Backend, parts: EphemeralParts, producer: Producer
) -> None:
    one = desk(backend, producer, backend.context.redis())
    job = submission()
    await one.store.accept(job)
    assert await one.store.cancel(job.job_id, job.user_id)
    await one.sweep()
    assert await records_of(parts, job.job_id) == []


async def test_late_mark_does_not_wake_a_finished_job(backend: Backend, producer: Producer) -> None:
    one = desk(backend, producer, backend.context.redis())
    job = submission()
    await one.store.accept(job)
    await one.store.fail(job.job_id, "STAGE_FAILED", "vision")
    await one.store.mark_dispatched([job.job_id])
    assert await one.status(job.job_id) == "failed"


async def test_idempotency_keys_are_purged_after_their_time(
    backend: Backend, producer: Producer
) -> None:
    one = desk(backend, producer, backend.context.redis())
    job, ttl = submission(), timedelta(hours=1)
    await one.store.accept_once(job, "old", b"f", ttl)
    await backend.scan_db.execute(
        "UPDATE idempotency_keys SET created_at = now() - interval '2 h' WHERE user_id = $1",
        job.user_id,
    )
    await one.store.accept_once(submission(), "new", b"f", ttl)
    await one.sweep()
    keys = await backend.scan_db.fetch("SELECT user_id, key FROM idempotency_keys")
    assert (job.user_id, "old") not in [tuple(row) for row in keys]
    assert "new" in [row["key"] for row in keys]


class TestLeadership:
    async def test_one_of_two_leads_and_the_other_takes_over(self, backend: Backend) -> None:
        name = f"test-{uuid.uuid4()}"
        ticks: list[str] = []
        pids: dict[str, int] = {}

        async def run(who: str) -> None:
            async def tick(connection: asyncpg.Connection) -> None:
                pids[who] = await connection.fetchval("SELECT pg_backend_pid()")
                ticks.append(who)

            await lead(backend.scan_db, name, tick, every_seconds=0.01, retry_seconds=0.02)

        first = asyncio.create_task(run("first"))
        await until(lambda: len(ticks) > 3)
        second = asyncio.create_task(run("second"))
        seen = len(ticks)
        await until(lambda: len(ticks) > seen + 20)
        assert set(ticks) == {"first"}

        # the leader's session dies: one of them leads again, on a new connection
        await backend.scan_db.execute("SELECT pg_terminate_backend($1)", pids["first"])
        seen = len(ticks)
        await until(lambda: len(ticks) > seen + 20)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        seen = len(ticks)
        await until(lambda: ticks[seen:].count("second") > 3)
        second.cancel()
        await asyncio.gather(second, return_exceptions=True)

        async def free() -> bool:
            return not await backend.scan_db.fetchval(
                "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = $1",
                pids["second"],
            )

        await until(free, what="the lock to go with the connection")

    async def test_two_sweepers_send_a_job_once(
        self, backend: Backend, parts: EphemeralParts, producer: Producer
    ) -> None:
        job = submission()
        desks = [
            desk(backend, producer, backend.context.redis(), scan_sweep_seconds=0.02)
            for _ in range(2)
        ]
        await desks[0].store.accept(job)
        running = [asyncio.create_task(one.sweeper.run()) for one in desks]

        async def sent() -> bool:
            async with backend.scan_db.acquire() as connection:
                return not await sweeps.unsent(connection, timedelta(0), 1)

        await until(sent)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        assert len(await records_of(parts, job.job_id)) == 1
