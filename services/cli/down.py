"""``eco2 down``: drain and stop the stack that ``eco2 up`` started."""

from __future__ import annotations

import sys

import typer

from mesh.local import paths, run


def down() -> None:
    """Stop the stack, in order; no error when it is not up."""
    raise typer.Exit(run.down(paths.default(), sys.stdout))
