"""``eco2 seed``: sample data for the local stack."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import grpc.aio
import typer
from eco2.info.v1 import info_service_pb2
from eco2.info.v1.info_service_pb2_grpc import InfoServiceStub

from services.cli.place_import import PlaceImport, Report
from services.location.sources.csv_records import UTF8
from services.runtime.context import target_of
from services.runtime.settings import Profile, RuntimeSettings

if TYPE_CHECKING:
    from eco2.info.v1.info_service_pb2_grpc import InfoServiceAsyncStub

CALL_SECONDS: Final = 10.0


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


async def _news(target: str) -> str:
    """Bring the sample articles as a collector would."""
    from mesh.local import sample_news

    articles = sample_news.articles(datetime.now(UTC))
    async with grpc.aio.insecure_channel(target) as channel:
        stub: InfoServiceAsyncStub = InfoServiceStub(channel)
        stored = await stub.UpsertNews(
            info_service_pb2.UpsertNewsRequest(articles=articles), timeout=CALL_SECONDS
        )
    return f"sample news: {stored.inserted} new, {stored.updated} changed"


SEEDERS: Final[Mapping[str, Callable[[str], Awaitable[str]]]] = {
    "location": _places,
    "info": _news,
}
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
