"""The scan service as a component."""

from __future__ import annotations

import asyncio
from functools import partial

from eco2.images.v1.images_service_pb2_grpc import ImagesServiceStub
from eco2.scan.v1.scan_service_pb2_grpc import add_ScanServiceServicer_to_server

from services.runtime import database
from services.runtime.component import Background, Component, GrpcService
from services.runtime.context import ProcessContext
from services.runtime.limits import Limit, RateLimiter
from services.runtime.outbox import Outbox
from services.runtime.outbox_relay import Relay
from services.scan.completion import Completion
from services.scan.dispatch import Dispatcher
from services.scan.erasure import Erasure
from services.scan.service import ScanService
from services.scan.settings import ScanSettings
from services.scan.store import JobStore
from services.scan.submission import Intake
from services.scan.sweeper import Sweeper
from streaming import knowledge
from streaming.kafka.outgoing import outbox_sender
from streaming.kafka.producer import shared_producer
from streaming.progress.endings import Endings
from streaming.progress.history import Histories
from streaming.progress.publisher import ProgressPublisher


async def build(context: ProcessContext) -> Component:
    """ScanService, its marks and its sweeper.

    Only PostgreSQL is needed to be ready: a scan is accepted while Kafka, Redis or both are away.
    """
    settings = context.settings(ScanSettings)
    pool = await context.pool("scan")
    redis = context.redis("command")
    producer = await shared_producer(context)
    rules = await asyncio.to_thread(knowledge.load)

    send = outbox_sender(producer)
    outbox = Outbox("scan", pool, send)
    store = JobStore(pool, outbox)
    publisher = ProgressPublisher(redis)
    dispatcher = Dispatcher(store, publisher, producer, settings)
    endings = Endings(publisher, "scan", budget_seconds=settings.announce_seconds)
    service = ScanService(
        store=store,
        intake=Intake(store, ImagesServiceStub(context.channel("images")), dispatcher, settings),
        completion=Completion(store, rules),
        endings=endings,
        histories=Histories(redis),
        erasure=Erasure(pool, redis, endings),
        submits=RateLimiter(redis, Limit("scan-submit", settings.scan_submits_per_minute)),
        publish=outbox.publish,
        knowledge=rules,
    )

    async def close() -> None:
        await asyncio.gather(dispatcher.close(), outbox.close())

    return Component(
        name="scan",
        services=(
            GrpcService(
                full_name="eco2.scan.v1.ScanService",
                add=partial(add_ScanServiceServicer_to_server, service),
            ),
        ),
        background=(
            Background(name="scan-dispatch-marks", run=dispatcher.run),
            Background(name="scan-outbox", run=Relay("scan", pool, send).run),
            Background(name="scan-sweeper", run=Sweeper(pool, dispatcher, endings, settings).run),
        ),
        checks={"postgres": partial(database.check, pool)},
        close=close,
    )
