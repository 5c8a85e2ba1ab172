"""``eco2 work dlq``: works the dead letter queues off on a schedule.

One replica: two reprocessors at the same time would replay every letter twice.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from pydantic import Field

from services.runtime import logs
from services.runtime.component import Background, Component
from streaming.kafka.connection import Connection
from streaming.kafka.deadletters import DeadLetterError
from streaming.kafka.producer import DeliveryError, shared_producer
from streaming.kafka.reprocess import MAX_ROUNDS, reprocess
from streaming.kafka.settings import KafkaSettings
from streaming.kafka.topics import CATALOGUE

if TYPE_CHECKING:
    from services.runtime.context import ProcessContext

log = logs.get(__name__)


class DeadLetterSettings(KafkaSettings):
    """Settings of the dead letter reprocessor."""

    dlq_interval_seconds: float = Field(default=300.0, gt=0)
    """Pause between two passes over the queues."""

    dlq_max_rounds: int = Field(default=MAX_ROUNDS, ge=0)
    """How often a letter is replayed before it goes to the archive."""


async def build(context: ProcessContext) -> Component:
    """The reprocessor as a component."""
    settings = context.settings(DeadLetterSettings)
    producer = await shared_producer(context)

    async def run() -> None:
        while True:
            await asyncio.sleep(settings.dlq_interval_seconds)
            try:
                await reprocess(
                    Connection.from_settings(settings),
                    producer,
                    CATALOGUE.values(),
                    max_rounds=settings.dlq_max_rounds,
                )
            except (DeadLetterError, DeliveryError) as error:
                log.warning("dead letters have to wait", error=str(error))

    return Component(
        name="dlq",
        background=(Background(name="dlq-reprocessor", run=run),),
        checks={"kafka": producer.check},
    )
