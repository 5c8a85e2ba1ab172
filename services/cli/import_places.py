"""``eco2 import-places``: places out of a public data set."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import grpc
import grpc.aio
import typer
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from services.cli.place_import import Counts, ImportGivenUpError, PlaceImport, Report
from services.location.place import KECO, ZEROWASTE
from services.location.sources.csv_records import CP949, UTF8, NotThisLayoutError, encoding_of
from services.runtime.context import target_of


class Source(StrEnum):
    """Data sets that can be imported."""

    KECO = KECO
    ZEROWASTE = ZEROWASTE


class Encoding(StrEnum):
    """Encodings of a file."""

    AUTO = "auto"
    UTF8 = UTF8
    CP949 = CP949


def import_places(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="CSV file.")],
    source: Annotated[Source, typer.Option(help="Data set that the file is of.")],
    encoding: Annotated[
        Encoding, typer.Option(help="Encoding of the file; told from its start by default.")
    ] = Encoding.AUTO,
    rejects: Annotated[
        Path | None,
        typer.Option(help="Where rejected and repaired rows are written; default FILE.rejects.csv"),
    ] = None,
    max_rejects: Annotated[
        int, typer.Option(min=0, help="Import nothing when more rows than this can't be used.")
    ] = 10_000,
    max_places: Annotated[
        int, typer.Option(min=1, help="Import nothing when there are more places than this.")
    ] = 1_000_000,
    replace: Annotated[
        bool, typer.Option("--replace", help="Remove places of the source the file doesn't have.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")] = False,
) -> None:
    """Import places: all of a file at once, or nothing; known places are updated.

    Rows that can't be used are left out and written to a file with line and reason.
    """
    try:
        used = encoding_of(file) if encoding is Encoding.AUTO else str(encoding)
    except NotThisLayoutError as error:
        raise _given_up(f"{file.name}: {error}") from None
    if used == CP949 and encoding is Encoding.AUTO:
        typer.echo(f"{file.name} is not UTF-8 and is read as CP949 (EUC-KR)", err=True)
    where = rejects or file.with_name(f"{file.name}.rejects.csv")
    with Report(where) as report, _bar(file, shown=sys.stdout.isatty() and not as_json) as progress:
        work = PlaceImport(
            path=file,
            source=str(source),
            encoding=used,
            report=report,
            most_rejects=max_rejects,
            most_places=max_places,
            remove_missing=replace,
            progress=progress,
        )
        try:
            counts = asyncio.run(work.run(target_of("location")))
        except (ImportGivenUpError, NotThisLayoutError) as error:
            raise _given_up(str(error)) from None
        except grpc.aio.AioRpcError as error:
            raise _given_up(_why(error)) from None
        except KeyboardInterrupt:
            raise _given_up("interrupted", code=130) from None
    if as_json:
        written = str(where) if report.written else None
        typer.echo(json.dumps({**asdict(counts), "report": written}))
    else:
        typer.echo(_summary(counts, report))


def _given_up(why: str, code: int = 1) -> typer.Exit:
    typer.echo(f"eco2: {why}. Nothing was imported.", err=True)
    return typer.Exit(code)


def _why(error: grpc.aio.AioRpcError) -> str:
    if error.code() is grpc.StatusCode.UNAVAILABLE:
        return f"the location service at {target_of('location')} does not answer: start it first"
    return error.details() or error.code().name


def _summary(counts: Counts, report: Report) -> str:
    taken = counts.rows - counts.rejected
    text = (
        f"{taken:,} places: {counts.inserted:,} new, {counts.updated:,} changed, "
        f"{counts.unchanged:,} as they were"
    )
    if counts.removed:
        text += f"; {counts.removed:,} removed"
    if report.written:
        text += (
            f"\n{counts.rejected:,} rows rejected, {counts.repaired:,} repaired: see {report.path}"
        )
    return text


@contextmanager
def _bar(file: Path, *, shown: bool) -> Iterator[Callable[[int], None]]:
    """Shows how much of the file was read, when it is told."""
    if not shown:
        yield lambda read: None
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, transient=True) as progress:
        task = progress.add_task(file.name, total=file.stat().st_size)
        yield lambda read: progress.update(task, completed=read)
