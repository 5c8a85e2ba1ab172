"""Reading a topic as it is now."""

from __future__ import annotations

from aiokafka import AIOKafkaConsumer, TopicPartition

from streaming.kafka.topics import CATALOGUE


async def read_all(bootstrap: str, topic: str, key: str) -> list[bytes]:
    """Values of a key, from the beginning of a topic to its present end."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False)
    await consumer.start()
    try:
        found: list[bytes] = []
        places = [TopicPartition(topic, n) for n in range(CATALOGUE[topic].partitions)]
        consumer.assign(places)
        ends = await consumer.end_offsets(places)
        for place in places:
            consumer.seek(place, 0)
            while await consumer.position(place) < ends[place]:
                batch = await consumer.getmany(place, timeout_ms=1000)
                found += [
                    record.value for record in batch.get(place, ()) if record.key == key.encode()
                ]
        return found
    finally:
        await consumer.stop()
