"""``eco2 token``: real sessions of real accounts, for trying things on one machine.

The account is made as a first sign-in would make it, and the session is issued by the auth
service, so the token is no different from one that a browser would get.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict, dataclass
from typing import Annotated

import grpc.aio
import typer
from eco2.auth.v1 import auth_service_pb2 as auth_pb
from eco2.auth.v1.auth_service_pb2_grpc import AuthServiceStub
from eco2.users.v1 import users_service_pb2 as users_pb
from eco2.users.v1.users_service_pb2_grpc import UsersServiceStub

from services.runtime.context import target_of
from services.runtime.settings import Profile, RuntimeSettings

PROVIDER = "google"
CALL_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class Issued:
    """One session."""

    user_id: str
    session_id: str
    access_token: str
    refresh_token: str


async def issue(names: list[str]) -> list[Issued]:
    """A session for each name; the accounts are made on first use."""
    async with (
        grpc.aio.insecure_channel(target_of("users")) as users_channel,
        grpc.aio.insecure_channel(target_of("auth")) as auth_channel,
    ):
        users, auth = UsersServiceStub(users_channel), AuthServiceStub(auth_channel)
        limit = asyncio.Semaphore(16)

        async def one(name: str) -> Issued:
            async with limit:
                account = await users.GetOrCreateFromOAuth(
                    users_pb.GetOrCreateFromOAuthRequest(
                        provider=PROVIDER,
                        provider_user_id=f"local:{name}",
                        name=name,
                        nickname=name,
                    ),
                    timeout=CALL_SECONDS,
                )
                session = await auth.IssueSession(
                    auth_pb.IssueSessionRequest(
                        user_id=account.user.user_id, provider=PROVIDER, user_agent="eco2 token"
                    ),
                    timeout=CALL_SECONDS,
                )
            return Issued(
                account.user.user_id,
                session.session_id,
                session.access_token,
                session.refresh_token,
            )

        return list(await asyncio.gather(*(one(name) for name in names)))


def token(
    user: Annotated[str, typer.Option(help="Name of the local user; made on first use.")] = "demo",
    count: Annotated[int, typer.Option(min=1, max=100_000, help="Users NAME-1 … NAME-N.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")] = False,
) -> None:
    """Issue sessions and print their access tokens, one a line."""
    if RuntimeSettings().profile is Profile.PRODUCTION:
        typer.echo("eco2 token is for one machine; the production profile refuses it", err=True)
        raise typer.Exit(2)
    names = [user] if count == 1 else [f"{user}-{number}" for number in range(1, count + 1)]
    try:
        sessions = asyncio.run(issue(names))
    except grpc.aio.AioRpcError as error:
        typer.echo(
            f"the auth and users services don't answer ({error.code().name}): "
            "start the stack with `make up`",
            err=True,
        )
        raise typer.Exit(1) from None
    for session in sessions:
        typer.echo(json.dumps(asdict(session)) if as_json else session.access_token)
