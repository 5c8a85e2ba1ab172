"""``eco2 dlq``: look into the dead letter queues and replay what is in them."""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from collections.abc import Coroutine
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

import typer
from rich.console import Console
from rich.table import Table

from streaming.kafka.connection import Connection
from streaming.kafka.deadletters import (
    BrokersAwayError,
    DeadLetter,
    DeadLetterError,
    open_queues,
)
from streaming.kafka.producer import DeliveryError, Producer
from streaming.kafka.reprocess import replay as send_again
from streaming.kafka.reprocess import replay_waiting
from streaming.kafka.settings import KafkaSettings
from streaming.kafka.topics import ARCHIVE, CATALOGUE

T = TypeVar("T")

PIPE_WIDTH = 160
"""Columns of a table that is not printed to a terminal."""

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="Look into the dead letter queues and replay them.",
)

Json = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]
Name = Annotated[str, typer.Argument(help=f"A topic such as scan.vision, its queue, or {ARCHIVE}.")]
Place = Annotated[
    str, typer.Option("--record", metavar="PARTITION:OFFSET", help="One record by its place.")
]


def queue_of(name: str) -> str:
    """The dead letter queue a user means; typer.BadParameter for an unknown topic."""
    topic = CATALOGUE.get(name.removesuffix(".dlq"))
    if name == ARCHIVE:
        return ARCHIVE
    if topic is None or not topic.dead_letter:
        known = ", ".join([t.name for t in CATALOGUE.values() if t.dead_letter] + [ARCHIVE])
        raise typer.BadParameter(f"no dead letters are kept for {name!r}; there are: {known}")
    return topic.dlq


def place_of(text: str) -> tuple[int, int]:
    """Partition and offset out of ``P:O``; typer.BadParameter otherwise."""
    partition, colon, offset = text.partition(":")
    if not colon or not (partition.isdecimal() and offset.isdecimal()):
        raise typer.BadParameter(f"{text!r} is not PARTITION:OFFSET, such as 0:12")
    return int(partition), int(offset)


@app.command("ls")
def list_queues(as_json: Json = False) -> None:
    """Count the letters of every queue: waiting, still readable, and why they died."""
    rows = _run(_survey())
    if as_json:
        typer.echo(json.dumps(rows))
        return
    table = _table("queue", "waiting", "kept", "reasons of those waiting")
    for row in rows:
        reasons = ", ".join(f"{reason} x{count}" for reason, count in row["reasons"].items())
        table.add_row(row["queue"], str(row["waiting"]), str(row["kept"]), reasons)
    _print(table)


@app.command()
def show(
    name: Name,
    record: Place = "",
    limit: Annotated[int, typer.Option(min=1, help="How many at the most.")] = 20,
    as_json: Json = False,
) -> None:
    """Show letters, newest last; with --record one of them whole, its message decoded."""
    queue = queue_of(name)
    if record:
        letter = _run(_one(queue, *place_of(record)))
        typer.echo(json.dumps(_whole(letter), ensure_ascii=False, indent=None if as_json else 2))
        return
    letters = _run(_latest(queue, limit))
    if as_json:
        typer.echo(json.dumps([_whole(letter) for letter in letters], ensure_ascii=False))
        return
    table = _table("record", "since", "key", "died of", "reason", "attempt", "round")
    for letter in letters:
        short = _summary(letter)
        table.add_row(
            short["record"],
            short["since"],
            short["key"],
            short["death"],
            short["reason"],
            short["attempt"],
            str(short["round"]),
        )
    _print(table)


@app.command()
def replay(
    name: Name,
    record: Place = "",
    everything: Annotated[
        bool, typer.Option("--all", help="Everything that is waiting in the queue.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Send letters to their topic again, as first attempts and without their old deadline."""
    queue = queue_of(name)
    if bool(record) == everything:
        raise typer.BadParameter("say either --record PARTITION:OFFSET or --all")
    count = _run(_replay(queue, place_of(record) if record else None))
    typer.echo(json.dumps({"queue": queue, "replayed": count}) if as_json else f"replayed {count}")


def _table(*columns: str) -> Table:
    table = Table(box=None)
    for column in columns:
        table.add_column(column, no_wrap=True)
    return table


def _print(table: Table) -> None:
    Console(width=None if sys.stdout.isatty() else PIPE_WIDTH).print(table)


def _run(work: Coroutine[Any, Any, T]) -> T:
    try:
        return asyncio.run(work)
    except (BrokersAwayError, DeliveryError) as error:
        typer.echo(
            f"Kafka at {KafkaSettings().kafka_bootstrap} can't be used: {error}. "
            "Start it with `make up`, or set ECO2_KAFKA_BOOTSTRAP.",
            err=True,
        )
        raise typer.Exit(1) from None
    except DeadLetterError as error:
        typer.echo(f"eco2 dlq: {error}", err=True)
        raise typer.Exit(1) from None


def _connection() -> Connection:
    return Connection.from_settings(KafkaSettings())


async def _survey() -> list[dict[str, Any]]:
    names = [topic.dlq for topic in CATALOGUE.values() if topic.dead_letter] + [ARCHIVE]
    rows: list[dict[str, Any]] = []
    async with open_queues(_connection(), names) as queues:
        for name in names:
            reasons = Counter([letter.reason async for letter in queues.waiting(name)])
            rows.append(
                {
                    "queue": name,
                    "waiting": reasons.total(),
                    "kept": await queues.retained(name),
                    "reasons": dict(reasons.most_common()),
                }
            )
    return rows


async def _one(queue: str, partition: int, offset: int) -> DeadLetter:
    async with open_queues(_connection(), [queue]) as queues:
        return await queues.one(queue, partition, offset)


async def _latest(queue: str, limit: int) -> list[DeadLetter]:
    async with open_queues(_connection(), [queue]) as queues:
        letters = [letter async for letter in queues.all(queue)]
    return sorted(letters, key=lambda letter: letter.timestamp)[-limit:]


async def _replay(queue: str, place: tuple[int, int] | None) -> int:
    producer = Producer(_connection(), client_id="eco2-dlq")
    await producer.start()
    try:
        async with open_queues(_connection(), [queue]) as queues:
            if place is None:
                return await replay_waiting(producer, queues, queue)
            await send_again(producer, await queues.one(queue, *place), keep_deadline=False)
            return 1
    finally:
        await producer.stop()


def _summary(letter: DeadLetter) -> dict[str, Any]:
    return {
        "queue": letter.queue,
        "record": f"{letter.partition}:{letter.offset}",
        "since": datetime.fromtimestamp(letter.timestamp, UTC).isoformat(timespec="seconds"),
        "topic": letter.topic,
        "key": (letter.key or b"").decode("utf-8", "replace"),
        "death": letter.death,
        "reason": letter.reason,
        "attempt": letter.headers.get("eco2-attempt", "1"),
        "round": letter.rounds,
    }


def _whole(letter: DeadLetter) -> dict[str, Any]:
    return {
        **_summary(letter),
        "headers": dict(letter.headers),
        "bytes": len(letter.value or b""),
        "message": letter.message(),
    }
