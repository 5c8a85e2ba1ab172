"""The component ext-authz: both wires on one decision."""

from __future__ import annotations

import time
from functools import partial

from eco2.auth.v1 import auth_service_pb2, auth_service_pb2_grpc
from envoy.service.auth.v3 import external_auth_pb2_grpc

from edge.authz.authorizer import Authorizer, timed_verify
from edge.authz.decision import NothingRevoked
from edge.authz.grpc_wire import Authorization
from edge.authz.http_wire import application
from edge.authz.keyring import Keyring, keys_of
from edge.authz.rules import AccessRules
from edge.authz.settings import AuthzSettings
from edge.authz.tokens import Keys, TokenPolicy, VerifiedTokens
from services.runtime.component import Background, Component, GrpcService, HttpApp
from services.runtime.context import ProcessContext
from services.runtime.routes import table


async def build(context: ProcessContext) -> Component:
    """Make the component; it is ready once it has the first signing keys."""
    settings = context.settings(AuthzSettings)
    stub = auth_service_pb2_grpc.AuthServiceStub(context.channel("auth"))

    async def fetch() -> Keys:
        response = await stub.GetJwks(
            auth_service_pb2.GetJwksRequest(), timeout=settings.authz_keys_timeout_seconds
        )
        return keys_of(response.keys)

    tokens = VerifiedTokens(
        TokenPolicy(settings.jwt_issuer, settings.jwt_audience),
        settings.authz_token_cache_size,
        timed_verify,
    )
    keyring = Keyring(
        fetch,
        tokens.replace_keys,
        time.monotonic,
        refresh_seconds=settings.authz_keys_refresh_seconds,
        retry_seconds=settings.authz_keys_retry_seconds,
        unknown_seconds=settings.authz_keys_unknown_seconds,
    )
    authorizer = Authorizer(AccessRules(table()), tokens, keyring, NothingRevoked())
    origins = frozenset(settings.cors_origins)

    async def have_keys() -> None:
        if not keyring.ready:
            raise ConnectionError("the signing keys have not been fetched yet")

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
        http=(HttpApp(port="authz_http", app=application(authorizer, origins)),),
        background=(Background(name="signing keys", run=keyring.run),),
        checks={"signing-keys": have_keys},
    )
