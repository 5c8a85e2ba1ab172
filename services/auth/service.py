"""AuthService."""

from __future__ import annotations

import asyncio
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import grpc.aio
from eco2.auth.v1 import auth_service_pb2 as pb
from eco2.auth.v1 import auth_service_pb2_grpc as grpc_pb
from eco2.errors.v1.error_reason_pb2 import ErrorReason
from eco2.users.v1 import users_service_pb2 as users_pb
from eco2.users.v1.users_service_pb2_grpc import UsersServiceStub

from services.auth import tokens
from services.auth.keyring import Keyring
from services.auth.settings import AuthSettings
from services.auth.store import AuthStore, NewSession
from services.runtime import reply
from services.runtime.errors import DomainError

GET_USER_SECONDS = 3.0
JWKS_CACHE = "public, max-age=300"
"""Verifiers may keep the key set this long; a new key is published well before it signs."""


class AuthService(grpc_pb.AuthServiceServicer):
    """Issues sessions and publishes keys."""

    def __init__(
        self,
        settings: AuthSettings,
        store: AuthStore,
        keyring: Keyring,
        users_channel: grpc.aio.Channel,
    ) -> None:
        self._settings = settings
        self._store = store
        self._keyring = keyring
        self._users = UsersServiceStub(users_channel)
        self._lifetimes = tokens.Lifetimes(
            access=timedelta(minutes=settings.access_token_minutes),
            refresh=timedelta(minutes=settings.refresh_token_minutes),
        )

    async def GetJwks(self, request: pb.GetJwksRequest, context: Any) -> pb.GetJwksResponse:
        """The published keys."""
        reply.header("cache-control", JWKS_CACHE)
        return pb.GetJwksResponse(
            keys=[
                pb.Jwk(kty="RSA", use="sig", kid=key.kid, alg=tokens.ALGORITHM, n=key.n, e=key.e)
                for key in await self._keyring.all()
            ]
        )

    async def IssueSession(
        self, request: pb.IssueSessionRequest, context: Any
    ) -> pb.IssueSessionResponse:
        """Start a session of an existing user."""
        await self._require_user(request.user_id)
        now = datetime.now(UTC)
        session = tokens.Session(
            session_id=uuid.uuid4(),
            user_id=request.user_id,
            provider=request.provider,
            issuer=self._settings.jwt_issuer,
            audience=self._settings.jwt_audience,
        )
        refresh_jti = uuid.uuid4()
        access = tokens.claims(session, "access", uuid.uuid4(), now, self._lifetimes.access)
        refresh = tokens.claims(session, "refresh", refresh_jti, now, self._lifetimes.refresh)
        key = await self._keyring.active()
        access_token, refresh_token = await asyncio.to_thread(
            lambda: (tokens.sign(access, key), tokens.sign(refresh, key))
        )
        response = pb.IssueSessionResponse(
            session_id=str(session.session_id),
            access_token=access_token,
            refresh_token=refresh_token,
        )
        response.access_expires_at.FromSeconds(access["exp"])
        response.refresh_expires_at.FromSeconds(refresh["exp"])
        await self._store.add_session(
            NewSession(
                session_id=session.session_id,
                user_id=uuid.UUID(request.user_id),
                provider=request.provider,
                refresh_jti=refresh_jti,
                device_id=request.device_id,
                user_agent=request.user_agent,
                login_ip=request.login_ip,
                refresh_expires_at=datetime.fromtimestamp(refresh["exp"], UTC),
            )
        )
        return response

    async def _require_user(self, user_id: str) -> None:
        try:
            await self._users.GetUser(
                users_pb.GetUserRequest(user_id=user_id), timeout=GET_USER_SECONDS
            )
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.NOT_FOUND:
                raise DomainError(ErrorReason.ERROR_REASON_USER_NOT_FOUND, "no such user") from None
            raise
