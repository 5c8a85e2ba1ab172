"""What a browser does with the auth service, without the edge between them."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable
from dataclasses import dataclass
from http.cookies import Morsel, SimpleCookie
from typing import Any

import grpc.aio
import pytest
from eco2.auth.v1 import auth_service_pb2 as pb
from eco2.auth.v1.auth_service_pb2_grpc import AuthServiceStub
from eco2.users.v1 import users_service_pb2 as users_pb
from eco2.users.v1.users_service_pb2_grpc import UsersServiceStub
from google.protobuf import any_pb2
from google.rpc import error_details_pb2, status_pb2

from services.runtime.context import ProcessContext

Metadata = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Answer:
    """Body and initial metadata of a call."""

    body: object
    status: str
    cookies: dict[str, Morsel[str]]
    lines: list[str]

    @property
    def tokens(self) -> tuple[str, str]:
        """Access and refresh token."""
        return self.cookies["s_access"].value, self.cookies["s_refresh"].value


class Client:
    """Stubs of one replica."""

    def __init__(self, context: ProcessContext, database: str) -> None:
        self.context = context
        self.database = database
        self.auth = AuthServiceStub(context.channel("auth"))

    async def sign_in(self, device_id: str = "") -> tuple[str, pb.IssueSessionResponse]:
        """A new user and a session of theirs."""
        users = UsersServiceStub(self.context.channel("users"))
        account = await users.GetOrCreateFromOAuth(
            users_pb.GetOrCreateFromOAuthRequest(
                provider="google", provider_user_id=uuid.uuid4().hex, name="이름"
            )
        )
        return account.user.user_id, await self.issue(account.user.user_id, device_id)

    async def issue(self, user_id: str, device_id: str = "") -> pb.IssueSessionResponse:
        """A session of a user."""
        return await self.auth.IssueSession(
            pb.IssueSessionRequest(
                user_id=user_id, provider="google", device_id=device_id, user_agent="browser"
            )
        )

    async def refresh(self, token: str) -> Answer:
        """Refresh with the cookie."""
        return await self.refresh_with((("cookie", f"theme=dark; s_refresh={token}"),))

    async def refresh_with(self, metadata: Metadata) -> Answer:
        """Refresh with any headers."""
        call = self.auth.Refresh(pb.RefreshRequest(), metadata=metadata)
        return _answer(await call, await call.initial_metadata())

    async def logout(self, metadata: Metadata = ()) -> Answer:
        """Log out with any headers."""
        call = self.auth.Logout(pb.LogoutRequest(), metadata=metadata)
        return _answer(await call, await call.initial_metadata())


def _answer(body: object, metadata: object) -> Answer:
    pairs = [(str(name), str(value)) for name, value in metadata]  # type: ignore[attr-defined]
    lines = [value for name, value in pairs if name == "set-cookie"]
    cookies: dict[str, Morsel[str]] = {}
    for line in lines:
        cookies.update(SimpleCookie(line))
    status = dict(pairs).get("x-http-status", "200")
    return Answer(body, status, cookies, lines)


async def refusal(call: Awaitable[Any]) -> tuple[str, str]:
    """Reason and HTTP status of a call that must fail."""
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await call
    metadata: Any = refused.value.trailing_metadata()
    trailers: dict[str, Any] = dict(metadata)
    status = status_pb2.Status.FromString(trailers["grpc-status-details-bin"])
    info = error_details_pb2.ErrorInfo()
    detail: any_pb2.Any = status.details[0]
    detail.Unpack(info)
    return info.reason, str(trailers["x-http-status"])
