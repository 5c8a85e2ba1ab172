"""Calls of the command line to the domains, and how their answers are shown."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, TypeVar

import grpc
import grpc.aio
import typer
from rich.console import Console
from rich.table import Table

from services.runtime.context import target_of

T = TypeVar("T")

CALL_SECONDS: Final = 10.0

PIPE_WIDTH: Final = 200
"""Columns of a table that is not printed to a terminal."""


def call(ask: Callable[[grpc.aio.Channel, float], Awaitable[T]], domain: str = "auth") -> T:
    """The answer to a call of a domain; ends the command with exit code 1 and the reason when it is
    refused.
    """
    target = target_of(domain)

    async def asked() -> T:
        async with grpc.aio.insecure_channel(target) as channel:
            return await ask(channel, CALL_SECONDS)

    try:
        return asyncio.run(asked())
    except grpc.aio.AioRpcError as error:
        text = error.details() or error.code().name
        if error.code() is grpc.StatusCode.UNAVAILABLE:
            text = f"the {domain} service at {target} does not answer: start it first"
        typer.echo(f"eco2: {text}", err=True)
        raise typer.Exit(1) from None


def table(rows: Sequence[Mapping[str, str]]) -> None:
    """Print rows under the names of their members; nothing for no rows."""
    if not rows:
        typer.echo("none")
        return
    shown = Table(box=None)
    for column in rows[0]:
        shown.add_column(column, no_wrap=True)
    for row in rows:
        shown.add_row(*row.values())
    Console(width=None if sys.stdout.isatty() else PIPE_WIDTH).print(shown)
