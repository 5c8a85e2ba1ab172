"""``eco2 news``: collect news by hand."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Annotated

import typer
from pydantic import ValidationError
from redis.exceptions import RedisError

from services.runtime.context import ProcessContext
from services.runtime.settings import RuntimeSettings
from streaming.workers.news import app as worker
from streaming.workers.news.article import Found
from streaming.workers.news.collecting import Report
from streaming.workers.news.source import CollectingError, Refusal

app = typer.Typer(help="Collect news by hand.", no_args_is_help=True)

SOURCES = ("naver", "newsdata", "rss")


@app.callback()
def _news() -> None:
    """Collect news by hand."""


@app.command()
def collect(
    source: Annotated[str, typer.Argument(help=f"One of: {', '.join(SOURCES)}.")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what was found instead of storing it.")
    ] = False,
) -> None:
    """Collect from SOURCE once, now, whatever the schedule says; calls count against its quota.

    Exit 1 when nothing could be collected.
    """
    if source not in SOURCES:
        raise typer.BadParameter(f"no source is called {source!r}; there are: {', '.join(SOURCES)}")
    try:
        refusals = asyncio.run(_collect(source, dry_run=dry_run))
    except CollectingError as error:
        typer.echo(f"eco2: {error}", err=True)
        raise typer.Exit(1) from None
    except ValidationError as error:  # without its input, which may hold a key
        for problem in error.errors(include_input=False, include_url=False):
            typer.echo(f"eco2: {problem['msg']}", err=True)
        raise typer.Exit(1) from None
    except (RedisError, OSError) as error:
        typer.echo(f"eco2: Redis can't be used: {error}. Start it with `make up`.", err=True)
        raise typer.Exit(1) from None
    for refusal in refusals:
        typer.echo(f"left out {refusal.part}: {refusal.reason} ({refusal.detail})", err=True)


async def _collect(name: str, *, dry_run: bool) -> tuple[Refusal, ...]:
    context = ProcessContext(RuntimeSettings())
    try:
        source = next(one for one in await worker.sources(context) if one.name == name)
        if not source.configured:
            raise CollectingError(f"{name} has neither a key nor a feed; see docs/information.md")
        collecting, now = await worker.collecting(context), datetime.now(UTC)
        if dry_run:
            articles, refusals = await collecting.find(source, now)
            for article in articles:
                typer.echo(_line(article))
            return tuple(refusals)
        report = await collecting.collect(source, now)
        typer.echo(_summary(report))
        return tuple(report.refusals)
    finally:
        await context.close()


def _line(article: Found) -> str:
    picture = "▣" if article.thumbnail_url else " "
    when = article.published_at.strftime("%Y-%m-%d %H:%M")
    return f"{when} {picture} {article.category:<11} {article.title}  {article.url}"


def _summary(report: Report) -> str:
    return f"{report.found} found, {report.inserted} new, {report.updated} changed"
