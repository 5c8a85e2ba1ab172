"""``eco2 seed``: sample data for the local stack."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Final

import grpc.aio
import typer

from services.cli.place_import import PlaceImport, Report
from services.location.sources.csv_records import UTF8
from services.runtime.context import target_of
from services.runtime.settings import Profile, RuntimeSettings


async def _places(target: str) -> str:
    """Import the sample places of every source, as their files would be."""
    from mesh.local import sample_places

    new = changed = 0
    with tempfile.TemporaryDirectory() as name, Report(Path(name) / "rejects.csv") as report:
        for source, count in sample_places.SAMPLES:
            path = Path(name) / f"{source}.csv"
            sample_places.write(path, sample_places.rows(source, count))
            work = PlaceImport(
                path=path,
                source=source,
                encoding=UTF8,
                report=report,
                most_rejects=0,
                most_places=count,
            )
            counts = await work.run(target)
            new += counts.inserted
            changed += counts.updated
    return f"sample places: {new} new, {changed} changed"


SEEDERS: Final[Mapping[str, Callable[[str], Awaitable[str]]]] = {"location": _places}
"""By the domain that is given the samples: brings them to the server at an address, and says in a
line what it did. Doing it again changes nothing."""


def seed() -> None:
    """Put made-up data, marked as samples, where the local stack has none yet.

    Refused under the production profile.
    """
    if RuntimeSettings().profile is Profile.PRODUCTION:
        typer.echo("eco2: sample data have no place in production", err=True)
        raise typer.Exit(1)
    for domain, bring in SEEDERS.items():
        target = target_of(domain)
        try:
            typer.echo(asyncio.run(_bring(bring, target)))
        except grpc.aio.AioRpcError as error:
            typer.echo(f"eco2: the {domain} service at {target}: {error.details()}", err=True)
            raise typer.Exit(1) from None


async def _bring(bring: Callable[[str], Awaitable[str]], target: str) -> str:
    return await bring(target)
