"""``eco2 topics``: bring the brokers' topics in line with the catalogue, or list them."""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from streaming.kafka.admin import AdminError, Outcome, ensure_topics
from streaming.kafka.connection import Connection
from streaming.kafka.settings import KafkaSettings
from streaming.kafka.topics import CATALOGUE, physical

DRIFT = 3
"""Exit code when topics are not as the catalogue says, and were not made so."""

PIPE_WIDTH = 160
"""Columns of a table that is not printed to a terminal."""

app = typer.Typer(add_completion=False, help="Create and list the Kafka topics.")

Check = Annotated[bool, typer.Option("--check", help="Change nothing; exit code 3 on drift.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]
Replication = Annotated[
    int, typer.Option("--replication", min=1, help="Replicas of a topic that is created.")
]


@app.callback(invoke_without_command=True)
def topics(
    context: typer.Context,
    check: Check = False,
    as_json: Json = False,
    replication: Replication = 1,
) -> None:
    """Create missing topics, add partitions, set retention; idempotent (same as `apply`)."""
    context.obj = {"check": check, "json": as_json, "replication": replication}
    if context.invoked_subcommand is None:
        _apply(check=check, as_json=as_json, replication=replication)


@app.command()
def apply(
    context: typer.Context,
    check: Check = False,
    as_json: Json = False,
    replication: Replication = 1,
) -> None:
    """Create missing topics, add partitions, set retention; idempotent."""
    before = context.obj or {}
    _apply(
        check=check or before.get("check", False),
        as_json=as_json or before.get("json", False),
        replication=max(replication, before.get("replication", 1)),
    )


@app.command("ls")
def list_topics(context: typer.Context, as_json: Json = False) -> None:
    """List the topics of the catalogue with those derived from them; asks no broker."""
    rows = [
        {
            "name": topic.name,
            "partitions": topic.partitions,
            "retention_hours": int(topic.configs["retention.ms"]) / 3_600_000,
            "cleanup": topic.configs["cleanup.policy"],
            "message": CATALOGUE[topic.origin].message if topic.origin in CATALOGUE else "",
            "key": CATALOGUE[topic.origin].key if topic.origin in CATALOGUE else "",
        }
        for topic in physical(CATALOGUE.values())
    ]
    if as_json or (context.obj or {}).get("json"):
        typer.echo(json.dumps(rows))
        return
    table = Table(box=None)
    for column in ("topic", "partitions", "kept (h)", "cleanup", "key", "message"):
        table.add_column(column, no_wrap=True)
    for row in rows:
        table.add_row(
            str(row["name"]),
            str(row["partitions"]),
            f"{row['retention_hours']:g}",
            str(row["cleanup"]),
            str(row["key"]),
            str(row["message"]),
        )
    Console(width=None if sys.stdout.isatty() else PIPE_WIDTH).print(table)


def _apply(*, check: bool, as_json: bool, replication: int) -> None:
    settings = KafkaSettings()
    try:
        outcome = asyncio.run(
            ensure_topics(Connection.from_settings(settings), replication, check=check)
        )
    except AdminError as error:
        typer.echo(
            f"Kafka at {settings.kafka_bootstrap} can't be used: {error}. "
            "Start it with `make up`, or set ECO2_KAFKA_BOOTSTRAP.",
            err=True,
        )
        raise typer.Exit(1) from None
    typer.echo(json.dumps(_as_json(outcome)) if as_json else _as_text(outcome))
    if outcome.drift:
        raise typer.Exit(DRIFT)


def _as_json(outcome: Outcome) -> dict[str, object]:
    return {
        "topics": outcome.topics,
        "changed": [asdict(difference) for difference in outcome.changed],
        "drift": [asdict(difference) for difference in outcome.drift],
    }


def _as_text(outcome: Outcome) -> str:
    lines = [
        f"created {d.topic} ({d.expected})"
        if d.what == "missing"
        else f"changed {d.topic}: {d.what} {d.actual or '-'} -> {d.expected}"
        for d in outcome.changed
    ]
    lines += [
        f"drift in {d.topic}: {d.what} is {d.actual or 'not there'}, should be {d.expected}"
        for d in outcome.drift
    ]
    return "\n".join(lines) or f"all {outcome.topics} topics are as they should be"
