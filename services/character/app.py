"""Puts the character domain together."""

from __future__ import annotations

from functools import partial

from eco2.character.v1.character_service_pb2_grpc import add_CharacterServiceServicer_to_server

from services.character.catalogue_file import released
from services.character.keeper import Keeper
from services.character.live import LiveCatalogue
from services.character.service import CharacterService
from services.character.settings import CharacterSettings
from services.character.store import CatalogueStore
from services.runtime.component import Background, Component, GrpcService
from services.runtime.context import ProcessContext
from services.runtime.outbox import Outbox
from services.runtime.outbox_relay import Relay
from streaming.kafka.compacted import CompactedTopic
from streaming.kafka.connection import Connection
from streaming.kafka.outgoing import outbox_sender
from streaming.kafka.producer import shared_producer
from streaming.kafka.settings import KafkaSettings
from streaming.kafka.topics import CHARACTER_CATALOGUE


async def build(context: ProcessContext) -> Component:
    """The component. It is ready once it knows which catalogue to start with; from then on it
    answers from memory, whether PostgreSQL and Kafka are there or not.
    """
    settings = context.settings(CharacterSettings)
    pool = await context.pool("character")
    send = outbox_sender(await shared_producer(context))
    outbox = Outbox("character", pool, send)
    store = CatalogueStore(pool, outbox)
    live = LiveCatalogue(released())
    keeper = Keeper(
        live,
        store,
        pool,
        outbox.publish,
        wait_seconds=settings.character_wait_seconds,
        repair_seconds=settings.character_repair_seconds,
    )
    connection = Connection.from_settings(context.settings(KafkaSettings))
    topic = CompactedTopic(CHARACTER_CATALOGUE, connection, live, "character-catalogue")
    service = CharacterService(live, store, outbox.publish, context.channel("users"))
    return Component(
        name="character",
        services=(
            GrpcService(
                full_name="eco2.character.v1.CharacterService",
                add=partial(add_CharacterServiceServicer_to_server, service),
            ),
        ),
        background=(
            Background(name="character-catalogue", run=partial(keeper.follow, topic.run)),
            Background(name="character-keeper", run=keeper.lead),
            Background(name="character-outbox", run=Relay("character", pool, send).run),
        ),
        checks={"catalogue": keeper.check},
        close=outbox.close,
    )
