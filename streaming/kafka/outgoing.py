"""Sends what a domain's outbox holds: bytes with the name of their topic, put down earlier."""

from __future__ import annotations

from services.runtime.outbox import Message, Send
from streaming.kafka import headers as h
from streaming.kafka.producer import Producer
from streaming.kafka.topics import CATALOGUE


def outbox_sender(producer: Producer) -> Send:
    """Sends messages of an outbox as :meth:`Producer.send` would have; DeliveryError as there,
    KeyError for a topic that is not in the catalogue.
    """

    async def send(message: Message, timeout_seconds: float) -> None:
        topic = CATALOGUE[message.topic]
        await producer.forward(
            topic.name,
            message.key.encode(),
            message.payload,
            {h.SCHEMA: topic.message},
            timeout_seconds=timeout_seconds,
        )

    return send
