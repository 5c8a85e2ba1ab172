"""Puts the location domain together."""

from __future__ import annotations

from functools import partial

from eco2.location.v1.location_service_pb2_grpc import add_LocationServiceServicer_to_server

from services.location import kakao
from services.location.imports import ImportStore
from services.location.search import Searcher
from services.location.service import LocationService
from services.location.settings import LocationSettings
from services.location.store import PlaceStore
from services.runtime import database
from services.runtime.component import Component, GrpcService
from services.runtime.context import ProcessContext


async def build(context: ProcessContext) -> Component:
    """The component. Only PostgreSQL is needed to be ready: the map service may be away."""
    pool = await context.pool("location")
    store = PlaceStore(pool)
    searcher = Searcher(store, await kakao.connect(context, context.settings(LocationSettings)))
    service = LocationService(store, searcher, ImportStore(pool))
    return Component(
        name="location",
        services=(
            GrpcService(
                full_name="eco2.location.v1.LocationService",
                add=partial(add_LocationServiceServicer_to_server, service),
            ),
        ),
        checks={"postgres": partial(database.check, pool)},
    )
