"""The component ext-authz: both wires on one decision."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import Any

from eco2.auth.v1 import auth_service_pb2, auth_service_pb2_grpc
from envoy.service.auth.v3 import external_auth_pb2_grpc

from edge.authz import metrics
from edge.authz.authorizer import Authorizer, timed_verify
from edge.authz.grpc_wire import Authorization
from edge.authz.http_protocol import HttpWire
from edge.authz.keyring import Keyring, keys_of
from edge.authz.revocation_topic import RevocationTopic
from edge.authz.revocations import RevokedSessions
from edge.authz.rules import AccessRules
from edge.authz.settings import AuthzSettings
from edge.authz.verified_tokens import VerifiedTokens
from services.runtime import logs
from services.runtime.component import Background, Component, GrpcService
from services.runtime.context import ProcessContext
from services.runtime.ports import port, socket_path
from services.runtime.routes import table
from services.runtime.signed_tokens import Keys, TokenPolicy
from streaming.kafka.connection import Connection

log = logs.get(__name__)


Work = Callable[[], Coroutine[Any, Any, None]]
"""Background work."""


def follow_topic(sessions: RevokedSessions, settings: AuthzSettings) -> Work:
    """Read revocations from Kafka."""
    return RevocationTopic(sessions, Connection.from_settings(settings)).run


async def build(
    context: ProcessContext,
    follow: Callable[[RevokedSessions, AuthzSettings], Work] = follow_topic,
) -> Component:
    """Make the component; it is ready once it has signing keys and all revocations, which `follow`
    keeps current.
    """
    settings = context.settings(AuthzSettings)
    if settings.authz_dry_run:
        log.warning("dry run: requests without a valid token pass without an identity")
    tokens = VerifiedTokens(
        TokenPolicy(settings.jwt_issuer, settings.jwt_audience),
        settings.authz_token_cache_size,
        timed_verify,
    )
    metrics.TOKENS.set_function(lambda: len(tokens))
    keyring = Keyring(
        _fetching(context, settings),
        tokens.replace_keys,
        time.monotonic,
        refresh_seconds=settings.authz_keys_refresh_seconds,
        retry_seconds=settings.authz_keys_retry_seconds,
        unknown_seconds=settings.authz_keys_unknown_seconds,
    )
    sessions = RevokedSessions(
        settings.authz_revocations_capacity, settings.authz_max_staleness_seconds
    )
    metrics.REVOCATIONS.set_function(lambda: len(sessions))
    metrics.STALENESS.set_function(sessions.staleness)
    authorizer = Authorizer(
        AccessRules(table(), playground=settings.playground_served),
        tokens,
        keyring,
        sessions,
        budget_seconds=settings.authz_budget_seconds,
        dry_run=settings.authz_dry_run,
    )
    origins = frozenset(settings.cors_origins)
    wire = HttpWire(
        *(authorizer, origins, settings.bind_host, port("authz_http")), socket_path("authz_http")
    )

    async def have_keys() -> None:
        if not keyring.ready:
            raise ConnectionError("the signing keys have not been fetched yet")

    async def know_revocations() -> None:
        if not sessions.trusted():
            raise ConnectionError("it is not known which sessions have been ended")

    async def listens() -> None:
        if not wire.listening:
            raise ConnectionError("the HTTP wire does not listen yet")

    return Component(
        name="authz_grpc",
        services=(
            GrpcService(
                full_name="envoy.service.auth.v3.Authorization",
                add=partial(
                    external_auth_pb2_grpc.add_AuthorizationServicer_to_server,
                    Authorization(authorizer, origins),
                ),
            ),
        ),
        background=(
            Background(name="signing-keys", run=keyring.run),
            Background(name="revocations", run=follow(sessions, settings)),
            Background(name="http-wire", run=wire.run),
        ),
        checks={"signing-keys": have_keys, "revocations": know_revocations, "http-wire": listens},
        drain=wire.drain,
    )


def _fetching(context: ProcessContext, settings: AuthzSettings) -> Callable[[], Awaitable[Keys]]:
    """How the signing keys are fetched."""
    stub = auth_service_pb2_grpc.AuthServiceStub(context.channel("auth"))

    async def fetch() -> Keys:
        response = await stub.GetJwks(
            auth_service_pb2.GetJwksRequest(), timeout=settings.authz_keys_timeout_seconds
        )
        return keys_of(response.keys)

    return fetch
