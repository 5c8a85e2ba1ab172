"""Puts the users domain together."""

from __future__ import annotations

from functools import partial

from eco2.users.v1.users_service_pb2_grpc import add_UsersServiceServicer_to_server

from services.runtime import database
from services.runtime.component import Background, Component, GrpcService
from services.runtime.context import ProcessContext
from services.runtime.outbox import Outbox
from services.runtime.outbox_relay import Relay
from services.users.points import Ledger
from services.users.service import UsersService
from services.users.starter import Starters
from services.users.store import UserStore
from streaming.kafka.outgoing import outbox_sender
from streaming.kafka.producer import shared_producer


async def build(context: ProcessContext) -> Component:
    """The component. Only PostgreSQL is needed to be ready: facts wait in the outbox."""
    pool = await context.pool("users")
    send = outbox_sender(await shared_producer(context))
    outbox = Outbox("users", pool, send)
    service = UsersService(
        UserStore(pool, outbox),
        Ledger(pool),
        outbox.publish,
        Starters(context.channel("character")),
    )
    return Component(
        name="users",
        services=(
            GrpcService(
                full_name="eco2.users.v1.UsersService",
                add=partial(add_UsersServiceServicer_to_server, service),
            ),
        ),
        background=(Background(name="users-outbox", run=Relay("users", pool, send).run),),
        checks={"postgres": partial(database.check, pool)},
        close=outbox.close,
    )
