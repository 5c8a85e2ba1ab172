"""``python -m tests.bench.offline_vision``: accuracy of the offline reader, printed."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from streaming.model.offline import OfflineOptions
from tests.bench.offline_vision import bench, fonts
from tests.bench.offline_vision.generator import SPLITS, plans

CLEAN_AIM = 0.90
DEGRADED_AIM = 0.70
WRONG_LIMIT = 0.03

DEFAULTS = OfflineOptions()


def _groups(report: bench.Report, title: str, key: str) -> Table:
    table = Table(title=title)
    for column in (key, "clean", "degraded", "wrong", "not told"):
        table.add_column(column, justify="left" if column == key else "right")
    for name, some in report.by(lambda one: one.expected if key == "class" else one.kind).items():
        wrong = bench.share(some, lambda one: one.wrong)
        blank = bench.share(some, lambda one: not one.wrong and not one.right)
        cells = [
            f"{part.rate:.0%} ({part.hits}/{part.of})" if part.of else "–"
            for part in (
                bench.share([o for o in some if not o.degraded], lambda one: one.right),
                bench.share([o for o in some if o.degraded], lambda one: one.right),
            )
        ]
        table.add_row(name, *cells, str(wrong.hits), str(blank.hits))
    return table


def _json(report: bench.Report, split: str, seconds: float) -> dict[str, Any]:
    return {
        "split": split,
        "pictures": len(report.outcomes),
        "clean": report.clean.rate,
        "degraded": report.degraded.rate,
        "confident_wrong": report.confidently_wrong.rate,
        "unreadable_left_unclassified": report.honest.rate,
        "minor_right": report.minors.rate,
        "seconds": {
            condition: {
                "p50": report.seconds(0.5, degraded=degraded),
                "p95": report.seconds(0.95, degraded=degraded),
            }
            for condition, degraded in (("clean", False), ("degraded", True))
        },
        "wall_seconds": seconds,
        "outcomes": [asdict(one) for one in report.outcomes],
    }


def main(
    split: Annotated[str, typer.Option(help="tune or held_out")] = "held_out",
    count: Annotated[int | None, typer.Option(help="pictures per class (12 by default)")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print figures as JSON")] = False,
    save: Annotated[Path | None, typer.Option(help="keep the pictures in this folder")] = None,
    pool: Annotated[int, typer.Option(help="pictures read at a time")] = DEFAULTS.concurrency,
    budget: Annotated[
        float, typer.Option(help="CPU seconds a picture may take")
    ] = DEFAULTS.budget_seconds,
) -> None:
    """Draw packages, read them, compare. Ends with 1 when a figure misses its aim."""
    out = Console(stderr=as_json)
    if split not in SPLITS:
        raise typer.BadParameter(f"one of {', '.join(SPLITS)}", param_hint="--split")
    if absent := fonts.missing():
        out.print(f"missing fonts ({absent[0]} …): apt-get install fonts-nanum fonts-noto-cjk")
        raise typer.Exit(2)
    if save is not None:
        save.mkdir(parents=True, exist_ok=True)
    wanted = list(plans(split, count))
    bar = Progress(
        TextColumn("reading"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=out,
        disable=not out.is_terminal,
    )
    with bar:
        task = bar.add_task("reading", total=len(wanted))
        report, seconds = asyncio.run(
            bench.run(
                wanted,
                options=OfflineOptions(concurrency=pool, budget_seconds=budget),
                save=save,
                each=lambda _: bar.advance(task),
            )
        )
    if as_json:
        print(json.dumps(_json(report, split, seconds), ensure_ascii=False, indent=1))
    else:
        out.print(_groups(report, f"{split}: by class", "class"))
        out.print(_groups(report, f"{split}: by what was done to the picture", "kind"))
        out.print(f"clean            {report.clean}   aim ≥ {CLEAN_AIM:.0%}")
        out.print(f"degraded         {report.degraded}   aim ≥ {DEGRADED_AIM:.0%}")
        out.print(f"confident wrong  {report.confidently_wrong}   limit ≤ {WRONG_LIMIT:.0%}")
        out.print(f"nothing to read, said so  {report.honest}")
        out.print(f"item right, where named   {report.minors}")
        for name, degraded in (("clean", False), ("degraded", True)):
            p50, p95 = (report.seconds(q, degraded=degraded) for q in (0.5, 0.95))
            out.print(f"seconds per {name} picture: p50 {p50:.2f}, p95 {p95:.2f}")
        out.print(f"{len(report.outcomes)} pictures in {seconds:.0f} s, {pool} at a time")
    met = (
        report.clean.rate >= CLEAN_AIM
        and report.degraded.rate >= DEGRADED_AIM
        and report.confidently_wrong.rate <= WRONG_LIMIT
    )
    raise typer.Exit(0 if met else 1)


if __name__ == "__main__":
    typer.run(main)
