"""The images service as a component."""

from __future__ import annotations

from functools import partial

from eco2.images.v1.images_service_pb2_grpc import add_ImagesServiceServicer_to_server

from services.images.service import ImagesService
from services.images.settings import ImagesSettings
from services.images.store import UploadStore
from services.images.sweeper import Sweeper
from services.runtime import database
from services.runtime.component import Background, Component, GrpcService
from services.runtime.context import ProcessContext
from services.runtime.objectstore import ObjectStore


async def build(context: ProcessContext) -> Component:
    """ImagesService and its sweeper; needs PostgreSQL and the object storage."""
    settings = context.settings(ImagesSettings)
    pool = await context.pool("images")

    async def connect() -> ObjectStore:
        return ObjectStore(settings)

    objects = await context.shared("objectstore", connect, ObjectStore.close)
    service = ImagesService(UploadStore(pool), objects, settings)
    sweeper = Sweeper(pool, objects, settings)
    return Component(
        name="images",
        services=(
            GrpcService(
                full_name="eco2.images.v1.ImagesService",
                add=partial(add_ImagesServiceServicer_to_server, service),
            ),
        ),
        background=(Background(name="images-sweeper", run=sweeper.run),),
        checks={"postgres": partial(database.check, pool), "object storage": objects.check},
    )
