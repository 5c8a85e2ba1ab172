"""Puts the auth domain together."""

from __future__ import annotations

from functools import partial

from eco2.auth.v1.auth_service_pb2_grpc import add_AuthServiceServicer_to_server

from services.auth.keyring import Keyring
from services.auth.service import AuthService
from services.auth.settings import AuthSettings
from services.auth.store import AuthStore
from services.runtime import database
from services.runtime.component import Component, GrpcService
from services.runtime.context import ProcessContext


async def build(context: ProcessContext) -> Component:
    """The component; KeyFileError when the production profile has no key."""
    settings = context.settings(AuthSettings)
    Keyring.check(settings)
    pool = await context.pool("auth")
    store = AuthStore(pool)
    keyring = Keyring(settings, store)

    async def has_keys() -> None:
        await keyring.all()

    service = AuthService(settings, store, keyring, context.channel("users"))
    return Component(
        name="auth",
        services=(
            GrpcService(
                full_name="eco2.auth.v1.AuthService",
                add=partial(add_AuthServiceServicer_to_server, service),
            ),
        ),
        checks={"postgres": partial(database.check, pool), "keys": has_keys},
    )
