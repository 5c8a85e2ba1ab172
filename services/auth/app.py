"""Puts the auth domain together."""

from __future__ import annotations

import asyncio
from functools import partial

from eco2.auth.v1.auth_service_pb2_grpc import add_AuthServiceServicer_to_server
from eco2.users.v1.users_service_pb2_grpc import UsersServiceStub

from services.auth.key_store import KeyStore
from services.auth.keyring import Keyring
from services.auth.lifecycle import Sessions
from services.auth.login import LoginHandlers
from services.auth.login_state import LoginStates
from services.auth.logout import Logout
from services.auth.oauth_client import OAuthClient
from services.auth.oauth_settings import OAuthSettings
from services.auth.service import AuthService
from services.auth.settings import AuthSettings
from services.auth.store import SessionStore
from services.auth.sweeper import Sweeper
from services.runtime import database
from services.runtime.component import Background, Component, GrpcService
from services.runtime.context import ProcessContext
from services.runtime.limits import Limit, RateLimiter
from services.runtime.outbox import Outbox
from services.runtime.outbox_relay import Relay
from streaming.kafka.outgoing import outbox_sender
from streaming.kafka.producer import shared_producer
from streaming.kafka.topics import AUTH_REVOCATIONS


async def build(context: ProcessContext) -> Component:
    """The component; KeyFileError when the production profile has no key, ValueError for tokens
    that outlive their revocations.

    Only PostgreSQL is needed to be ready: sessions go on and end while Kafka, Redis or the sign-in
    providers are away.
    """
    settings = context.settings(AuthSettings)
    Keyring.check(settings)
    if settings.longest_token_life.total_seconds() >= AUTH_REVOCATIONS.retention_seconds:
        raise ValueError(
            "tokens must not outlive the records of auth.revocations: "
            "lower ECO2_REFRESH_TOKEN_MINUTES or ECO2_ACCESS_TOKEN_MINUTES"
        )
    pool = await context.pool("auth")
    send = outbox_sender(await shared_producer(context))
    outbox = Outbox("auth", pool, send)
    keyring = Keyring(settings, KeyStore(pool))
    sessions = Sessions(settings, SessionStore(pool, outbox), keyring, outbox.publish)
    logout = Logout(settings, sessions, send)
    users = context.channel("users")
    oauth, redis = context.settings(OAuthSettings), context.redis()
    client = OAuthClient(oauth)
    login = LoginHandlers(
        oauth,
        LoginStates(redis, oauth.oauth_state_seconds),
        client,
        UsersServiceStub(users).GetOrCreateFromOAuth,
        sessions.start_session,
        starts=RateLimiter(redis, Limit("login-start", oauth.login_attempts_per_minute)),
        callbacks=RateLimiter(redis, Limit("login-callback", oauth.login_attempts_per_minute)),
        cookie_domain=settings.cookie_domain,
    )
    service = AuthService(settings, sessions, logout, login, keyring, users)

    async def has_keys() -> None:
        await keyring.all()

    async def close() -> None:
        await asyncio.gather(outbox.close(), logout.close(), client.close())

    return Component(
        name="auth",
        services=(
            GrpcService(
                full_name="eco2.auth.v1.AuthService",
                add=partial(add_AuthServiceServicer_to_server, service),
            ),
        ),
        background=(
            Background(name="auth-outbox", run=Relay("auth", pool, send).run),
            Background(name="auth-keys", run=keyring.run),
            Background(name="auth-logouts", run=logout.run),
            Background(name="auth-sweeper", run=Sweeper(pool, settings).run),
        ),
        checks={"postgres": partial(database.check, pool), "keys": has_keys},
        close=close,
    )
