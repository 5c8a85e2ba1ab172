"""``eco2 up``: the one-machine stack, in the foreground or detached."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from mesh.local import paths, run
from mesh.local.part import SetupError


def write_edge(file: Path, environ: Mapping[str, str]) -> None:
    """Write the edge's settings for the ports and origins in `environ`."""
    from edge.envoy.bootstrap import write  # heavy: reads every descriptor

    write(file, environ)


def up(
    detach: Annotated[
        bool, typer.Option("--detach", "-d", help="Return when ready; `eco2 down` stops it.")
    ] = False,
) -> None:
    """Start the whole stack and keep it running; Ctrl-C drains and stops it."""
    where = paths.default()
    if detach:
        raise typer.Exit(run.background(where, sys.stdout))
    try:
        stack = run.supervisor(where, os.environ, write_edge, sys.stdout)
    except (SetupError, ValueError) as error:
        print(error, file=sys.stderr)
        raise typer.Exit(1) from None
    raise typer.Exit(asyncio.run(run.foreground(stack, run.stay_up(os.environ, sys.stdout))))
