"""``eco2 status``: the parts of the stack and what they use."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from mesh.local import paths
from mesh.local.status import measure, table

NOT_UP = 3
"""Exit code when the stack is not up or not whole, as LSB init scripts have it."""


def status(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")] = False,
) -> None:
    """Show every part: state, pid, ports, uptime, memory. Exit code 3 unless all are ready."""
    now = measure(paths.default())
    typer.echo(json.dumps(now.json(), ensure_ascii=False) if as_json else table(now))
    raise typer.Exit(0 if now.up else NOT_UP)
