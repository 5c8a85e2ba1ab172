"""``eco2 up``: the one-machine stack, in the foreground or detached."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Annotated

import typer

from mesh.local import paths, run
from mesh.local.part import SetupError


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
        stack = run.supervisor(where, os.environ, sys.stdout)
    except SetupError as error:
        print(error, file=sys.stderr)
        raise typer.Exit(1) from None
    code = asyncio.run(run.foreground(stack, run.stay_up(os.environ, sys.stdout)))
    # Ctrl-C is how one ends it: not a failure that make should report.
    raise typer.Exit(0 if code == run.INTERRUPTED else code)
