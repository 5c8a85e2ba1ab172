"""``eco2 migrate``: bring every domain's schema up to date."""

from __future__ import annotations

import asyncio

import asyncpg
import typer

from services.runtime.migrations import MigrationError
from services.runtime.migrations import migrate as run_migrations
from services.runtime.settings import RuntimeSettings


def migrate() -> None:
    """Apply pending SQL migrations; refuses when applied ones were changed."""
    settings = RuntimeSettings()
    try:
        ran = asyncio.run(run_migrations(settings))
    except MigrationError as error:
        typer.echo(f"migration refused: {error}", err=True)
        raise typer.Exit(1) from None
    except (OSError, asyncpg.PostgresError, TimeoutError) as error:
        typer.echo(
            f"PostgreSQL at {settings.postgres_url} can't be used: {error}. "
            "Start it with `make up`, or set ECO2_POSTGRES_URL.",
            err=True,
        )
        raise typer.Exit(1) from None
    for migration in ran:
        typer.echo(f"applied {migration.domain}/{migration.name}")
    if not ran:
        typer.echo("every schema is up to date")
