"""Messages while something is away: accepted all the same, or refused with a reason."""

from __future__ import annotations

import asyncio
import time

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from eco2.chat.v1 import chat_service_pb2 as pb
from eco2.pipeline.v1 import chat_turn_pb2

from mesh.local.ephemeral import EphemeralParts
from services.chat.announce import turn_sender
from services.runtime.outbox_relay import Relay
from streaming.kafka.producer import Producer
from streaming.kafka.topics import CHAT_TURNS
from tests.integration.backend import Refused
from tests.integration.chat.conftest import World, as_user, chat_world, new_user
from tests.wait import until

pytestmark = pytest.mark.parts

NOWHERE = "127.0.0.1:9"
NO_KAFKA = {"ECO2_KAFKA_BOOTSTRAP": NOWHERE}
NO_REDIS = {"ECO2_REDIS_URL": f"redis://{NOWHERE}/0"}


async def records_of(parts: EphemeralParts, chat_id: str) -> list[chat_turn_pb2.ChatTurn]:
    """Everything in the topic about a chat, from its beginning to its end now."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=parts.kafka_bootstrap,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    await consumer.start()
    try:
        partitions = [TopicPartition(CHAT_TURNS.name, n) for n in range(CHAT_TURNS.partitions)]
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        found = []
        for partition in partitions:
            while await consumer.position(partition) < ends[partition]:
                records = (await consumer.getmany(partition, timeout_ms=2000))[partition]
                found += [
                    chat_turn_pb2.ChatTurn.FromString(record.value)
                    for record in records
                    if record.key == chat_id.encode()
                ]
        return found
    finally:
        await consumer.stop()


async def test_without_kafka_and_redis_messages_are_accepted_and_sent_later_in_order(
    parts: EphemeralParts,
) -> None:
    async with chat_world(parts, {**NO_KAFKA, **NO_REDIS}, background=False) as away:
        user = new_user()
        chat_id = await away.new_chat(user)
        took = []
        for number in range(4):
            started = time.monotonic()
            await away.send(user, chat_id, f"{number}")
            took.append(time.monotonic() - started)
        assert max(took) < 3.0
        assert took[-1] < 1.7, "later ones do not wait for the brokers any more"
        assert len((await away.read(user, chat_id)).messages) == 4
        assert await records_of(parts, chat_id) == []

        producer = Producer(parts.kafka_bootstrap)
        await producer.start()
        relay = asyncio.create_task(Relay("chat", away.pool, turn_sender(producer)).run())
        try:

            async def sent() -> bool:
                return not await away.pool.fetchval("SELECT count(*) FROM outbox")

            await until(sent, within_seconds=20)
        finally:
            relay.cancel()
            await asyncio.gather(relay, return_exceptions=True)
            await producer.stop()
        found = await records_of(parts, chat_id)
        assert [record.message for record in found] == ["0", "1", "2", "3"]


async def test_deadline_ends_what_was_never_sent(parts: EphemeralParts) -> None:
    changes = {**NO_KAFKA, "ECO2_CHAT_TURN_SECONDS": "0.5"}
    async with chat_world(parts, changes) as away:
        user = new_user()
        job_id = await away.send(user, await away.new_chat(user))

        async def failed() -> bool:
            return bool((await away.turn(job_id)).status == "failed")

        await until(failed)
        assert (await away.turn(job_id)).error_reason == "JOB_DEADLINE_EXCEEDED"

        async def told() -> bool:
            return (await away.events(job_id))[-1].is_terminal

        await until(told)


async def test_one_call_question_that_nobody_takes_up_ends_in_time(parts: EphemeralParts) -> None:
    changes = {**NO_KAFKA, "ECO2_CHAT_ASK_SECONDS": "0.5"}
    async with chat_world(parts, changes, background=False) as away:
        call = away.chat.AskOnce(pb.AskOnceRequest(message="?"), metadata=as_user(new_user()))
        async with Refused("JOB_DEADLINE_EXCEEDED"):
            await call


async def test_pictures_need_the_images_service_and_words_do_not(
    parts: EphemeralParts, world: World
) -> None:
    user = new_user()
    url = await world.upload(user)
    async with chat_world(parts, {"ECO2_GRPC_IMAGES": NOWHERE}, background=False) as away:
        chat_id = await away.new_chat(user)
        await away.send(user, chat_id)
        async with Refused("DEPENDENCY_UNAVAILABLE") as refusal:
            await away.send(user, chat_id, image_url=url)
    assert refusal.metadata["dependency"] == "images"
