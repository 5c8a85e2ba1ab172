"""Sessions without a sign-in provider, for trying things on one machine.

The account is made as a first sign-in would make it, and the session is issued by the auth service,
so its tokens are no different from those that a browser gets. The production profile refuses.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import grpc.aio
from eco2.auth.v1 import auth_service_pb2 as auth_pb
from eco2.auth.v1.auth_service_pb2_grpc import AuthServiceStub
from eco2.users.v1 import users_service_pb2 as users_pb
from eco2.users.v1.users_service_pb2_grpc import UsersServiceStub

from services.runtime.settings import Profile

PROVIDER = "google"
CALL_SECONDS = 15.0
AT_A_TIME = 16


class NotLocalError(RuntimeError):
    """The production profile issues no session without a provider's word."""


@dataclass(frozen=True, slots=True)
class Issued:
    """One session."""

    user_id: str
    session_id: str
    access_token: str
    refresh_token: str
    access_expires_at: float
    """When the access token ends, in epoch seconds."""
    refresh_expires_at: float
    """When the refresh token ends, in epoch seconds."""


async def issue(
    names: Sequence[str],
    profile: Profile,
    *,
    users: grpc.aio.Channel,
    auth: grpc.aio.Channel,
    user_agent: str,
) -> list[Issued]:
    """A session for each name; the accounts are made on first use.

    NotLocalError under the production profile; AioRpcError when auth or users do not answer.
    """
    if profile is Profile.PRODUCTION:
        raise NotLocalError("the production profile issues no local sessions")
    accounts, sessions = UsersServiceStub(users), AuthServiceStub(auth)
    limit = asyncio.Semaphore(AT_A_TIME)

    async def one(name: str) -> Issued:
        async with limit:
            account = await accounts.GetOrCreateFromOAuth(
                users_pb.GetOrCreateFromOAuthRequest(
                    provider=PROVIDER, provider_user_id=f"local:{name}", name=name, nickname=name
                ),
                timeout=CALL_SECONDS,
            )
            session = await sessions.IssueSession(
                auth_pb.IssueSessionRequest(
                    user_id=account.user.user_id, provider=PROVIDER, user_agent=user_agent
                ),
                timeout=CALL_SECONDS,
            )
        return Issued(
            account.user.user_id,
            session.session_id,
            session.access_token,
            session.refresh_token,
            session.access_expires_at.ToNanoseconds() / 1e9,
            session.refresh_expires_at.ToNanoseconds() / 1e9,
        )

    return list(await asyncio.gather(*(one(name) for name in names)))
