"""Signing in with a provider."""

from __future__ import annotations

from typing import Any, NoReturn

from eco2.auth.v1 import auth_service_pb2 as pb
from eco2.errors.v1.error_reason_pb2 import ErrorReason
from google.protobuf import empty_pb2

from services.runtime.errors import DomainError


class LoginHandlers:
    """The RPCs of a sign-in."""

    async def start_login(
        self, request: pb.StartLoginRequest, context: Any
    ) -> pb.StartLoginResponse:
        """Begin a sign-in."""
        _not_configured(request.provider)

    async def authorization_url(
        self, request: pb.GetAuthorizationUrlRequest, context: Any
    ) -> pb.GetAuthorizationUrlResponse:
        """Begin a sign-in, answered in the shorter shape."""
        _not_configured(request.provider)

    async def callback(self, request: pb.OAuthCallbackRequest, context: Any) -> empty_pb2.Empty:
        """End a sign-in."""
        _not_configured(request.provider)


def _not_configured(provider: str) -> NoReturn:
    raise DomainError(
        ErrorReason.ERROR_REASON_PROVIDER_NOT_CONFIGURED,
        "no provider has a client id in this deployment",
        metadata={"provider": provider},
    )
