"""AuthService."""

from __future__ import annotations

from typing import Any, Final

import grpc
import grpc.aio
from eco2.auth.v1 import auth_service_pb2 as pb
from eco2.auth.v1 import auth_service_pb2_grpc as grpc_pb
from eco2.auth.v1 import session_pb2
from eco2.errors.v1.error_reason_pb2 import ErrorReason
from eco2.users.v1 import users_service_pb2 as users_pb
from eco2.users.v1.users_service_pb2_grpc import UsersServiceStub
from google.api import httpbody_pb2
from google.protobuf import empty_pb2

from services.auth import cookies
from services.auth.keyring import Keyring, NotDueError, RotatedElsewhereError
from services.auth.lifecycle import Sessions
from services.auth.login import LoginHandlers
from services.auth.logout import Logout
from services.auth.settings import AuthSettings
from services.auth.visitor import AmbiguousTokenError, Headers
from services.runtime import reply
from services.runtime.errors import DomainError
from services.runtime.signed_tokens import ALGORITHM

GET_USER_SECONDS: Final = 3.0
JWKS_CACHE: Final = "public, max-age=300"
"""Verifiers may keep the key set this long; a new key is published well before it signs."""

LOGGED_OUT: Final = "Successfully logged out"


class AuthService(grpc_pb.AuthServiceServicer):
    """Translates; what happens is in `sessions`, `logout`, `login` and `keyring`."""

    def __init__(
        self,
        settings: AuthSettings,
        sessions: Sessions,
        logout: Logout,
        login: LoginHandlers,
        keyring: Keyring,
        users_channel: grpc.aio.Channel,
    ) -> None:
        self._settings = settings
        self._sessions = sessions
        self._logout = logout
        self._login = login
        self._keyring = keyring
        self._users = UsersServiceStub(users_channel)

    async def StartLogin(
        self, request: pb.StartLoginRequest, context: Any
    ) -> pb.StartLoginResponse:
        """Begin a sign-in."""
        return await self._login.start_login(request, context)

    async def GetAuthorizationUrl(
        self, request: pb.GetAuthorizationUrlRequest, context: Any
    ) -> pb.GetAuthorizationUrlResponse:
        """Begin a sign-in, answered in the shorter shape."""
        return await self._login.authorization_url(request, context)

    async def OAuthCallback(
        self, request: pb.OAuthCallbackRequest, context: Any
    ) -> empty_pb2.Empty:
        """End a sign-in."""
        return await self._login.callback(request, context)

    async def Refresh(self, request: pb.RefreshRequest, context: Any) -> httpbody_pb2.HttpBody:
        """The next pair of tokens, as cookies."""
        headers = Headers(context.invocation_metadata() or ())
        try:
            token = headers.refresh_token()
        except AmbiguousTokenError as error:
            raise DomainError(ErrorReason.ERROR_REASON_TOKEN_INVALID, str(error)) from None
        if not token:
            raise DomainError(
                ErrorReason.ERROR_REASON_REFRESH_TOKEN_REQUIRED, "no refresh token was sent"
            )
        issued = await self._sessions.refresh(token, headers.visitor())
        for cookie in cookies.session_cookies(
            issued, self._sessions.now(), self._settings.cookie_domain
        ):
            reply.header("set-cookie", cookie)
        reply.header("cache-control", "no-store")
        return httpbody_pb2.HttpBody(content_type="application/json", data=b"null")

    async def Logout(self, request: pb.LogoutRequest, context: Any) -> pb.LogoutResponse:
        """End what the tokens belong to; succeed."""
        headers = Headers(context.invocation_metadata() or ())
        await self._logout.end(headers.any_tokens(), headers.visitor())
        for cookie in cookies.cleared_cookies(self._settings.cookie_domain):
            reply.header("set-cookie", cookie)
        reply.header("cache-control", "no-store")
        return pb.LogoutResponse(success=True, data=pb.LogoutData(message=LOGGED_OUT))

    async def GetJwks(self, request: pb.GetJwksRequest, context: Any) -> pb.GetJwksResponse:
        """The published keys."""
        reply.header("cache-control", JWKS_CACHE)
        return pb.GetJwksResponse(
            keys=[
                session_pb2.Jwk(kty="RSA", use="sig", kid=key.kid, alg=ALGORITHM, n=key.n, e=key.e)
                for key in await self._keyring.all()
            ]
        )

    async def IssueSession(
        self, request: pb.IssueSessionRequest, context: Any
    ) -> pb.IssueSessionResponse:
        """Start a session of an existing user."""
        await self._require_user(request.user_id)
        issued = await self._sessions.start_session(
            request.user_id,
            request.provider,
            request.device_id,
            request.user_agent,
            request.login_ip,
        )
        response = pb.IssueSessionResponse(
            session_id=issued.session_id,
            access_token=issued.access_token,
            refresh_token=issued.refresh_token,
        )
        response.access_expires_at.FromDatetime(issued.access_expires_at)
        response.refresh_expires_at.FromDatetime(issued.refresh_expires_at)
        return response

    async def ListSessions(
        self, request: pb.ListSessionsRequest, context: Any
    ) -> pb.ListSessionsResponse:
        """Sessions of a user."""
        response = pb.ListSessionsResponse()
        for found in await self._sessions.listed(request.user_id):
            session = response.sessions.add(
                session_id=str(found.session_id),
                provider=found.provider,
                device_id=found.device_id,
                user_agent=found.user_agent,
            )
            session.created_at.FromDatetime(found.created_at)
            session.last_used_at.FromDatetime(found.last_used_at)
            session.expires_at.FromDatetime(found.expires_at)
        return response

    async def RevokeSession(
        self, request: pb.RevokeSessionRequest, context: Any
    ) -> pb.RevokeSessionResponse:
        """End one session of a user, or all."""
        session_id = request.session_id if request.HasField("session_id") else None
        count = await self._sessions.revoke(request.user_id, session_id, request.reason)
        return pb.RevokeSessionResponse(revoked=count)

    async def RotateSigningKey(
        self, request: pb.RotateSigningKeyRequest, context: Any
    ) -> pb.RotateSigningKeyResponse:
        """Take the next step of the key rotation."""
        try:
            states = await self._keyring.rotate(force=request.force)
        except NotDueError as error:
            raise DomainError(
                ErrorReason.ERROR_REASON_ROTATION_NOT_DUE,
                str(error),
                metadata={"due_at": error.due_at.isoformat(timespec="seconds")},
            ) from None
        except RotatedElsewhereError as error:
            raise DomainError(ErrorReason.ERROR_REASON_ROTATION_NOT_DUE, str(error)) from None
        response = pb.RotateSigningKeyResponse()
        for key in states:
            response.keys.add(kid=key.kid, state=key.state).created_at.FromDatetime(key.created_at)
        return response

    async def EraseUser(self, request: pb.EraseUserRequest, context: Any) -> pb.EraseUserResponse:
        """Forget a user."""
        return pb.EraseUserResponse(erased=await self._sessions.erase(request.user_id))

    async def _require_user(self, user_id: str) -> None:
        try:
            await self._users.GetUser(
                users_pb.GetUserRequest(user_id=user_id), timeout=GET_USER_SECONDS
            )
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.NOT_FOUND:
                raise DomainError(ErrorReason.ERROR_REASON_USER_NOT_FOUND, "no such user") from None
            raise
