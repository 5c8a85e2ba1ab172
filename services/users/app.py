"""Puts the users domain together."""

from __future__ import annotations

from functools import partial

from eco2.users.v1.users_service_pb2_grpc import add_UsersServiceServicer_to_server

from services.runtime import database
from services.runtime.component import Component, GrpcService
from services.runtime.context import ProcessContext
from services.users.service import UsersService
from services.users.store import UserStore


async def build(context: ProcessContext) -> Component:
    """The component."""
    pool = await context.pool("users")
    service = UsersService(UserStore(pool), context.channel("character"))
    return Component(
        name="users",
        services=(
            GrpcService(
                full_name="eco2.users.v1.UsersService",
                add=partial(add_UsersServiceServicer_to_server, service),
            ),
        ),
        checks={"postgres": partial(database.check, pool)},
    )
