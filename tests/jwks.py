"""AuthService as far as ext-authz needs it: it publishes the key of a test."""

from __future__ import annotations

from typing import Any

import grpc
from eco2.auth.v1 import auth_service_pb2

from tests.signing import Signer


def jwks(signer: Signer) -> grpc.GenericRpcHandler[Any, Any]:
    """Handler that answers GetJwks."""

    async def get_jwks(request: Any, context: Any) -> auth_service_pb2.GetJwksResponse:
        return auth_service_pb2.GetJwksResponse(keys=[signer.jwk])

    handler = grpc.unary_unary_rpc_method_handler(
        get_jwks,
        request_deserializer=auth_service_pb2.GetJwksRequest.FromString,
        response_serializer=auth_service_pb2.GetJwksResponse.SerializeToString,
    )
    return grpc.method_handlers_generic_handler("eco2.auth.v1.AuthService", {"GetJwks": handler})
