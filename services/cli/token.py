"""``eco2 token``: real sessions of real accounts, for trying things on one machine."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict
from typing import Annotated

import grpc.aio
import typer

from services.runtime import local_session
from services.runtime.context import target_of
from services.runtime.local_session import Issued
from services.runtime.settings import RuntimeSettings


async def issue(names: list[str]) -> list[Issued]:
    """A session for each name; the accounts are made on first use."""
    async with (
        grpc.aio.insecure_channel(target_of("users")) as users,
        grpc.aio.insecure_channel(target_of("auth")) as auth,
    ):
        return await local_session.issue(
            names, RuntimeSettings().profile, users=users, auth=auth, user_agent="eco2 token"
        )


def token(
    user: Annotated[str, typer.Option(help="Name of the local user; made on first use.")] = "demo",
    count: Annotated[int, typer.Option(min=1, max=100_000, help="Users NAME-1 … NAME-N.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")] = False,
) -> None:
    """Issue sessions and print their access tokens, one a line."""
    names = [user] if count == 1 else [f"{user}-{number}" for number in range(1, count + 1)]
    try:
        sessions = asyncio.run(issue(names))
    except local_session.NotLocalError:
        typer.echo("eco2 token is for one machine; the production profile refuses it", err=True)
        raise typer.Exit(2) from None
    except grpc.aio.AioRpcError as error:
        typer.echo(
            f"the auth and users services don't answer ({error.code().name}): "
            "start the stack with `make up`",
            err=True,
        )
        raise typer.Exit(1) from None
    for session in sessions:
        typer.echo(json.dumps(asdict(session)) if as_json else session.access_token)
