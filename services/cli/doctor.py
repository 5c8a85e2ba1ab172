"""``eco2 doctor``: what is wrong with this machine or this stack, and what to do about it."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from mesh.local import paths
from mesh.local.doctor import as_json, examine, text
from mesh.local.part import SetupError


def doctor(
    json: Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")] = False,
) -> None:
    """Check programs, room, data, ports and every dependency. Exit code 1 when one fails, 2
    when there is no set-up to check.
    """
    try:
        findings = examine(paths.default(), os.environ)
    except SetupError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from None
    typer.echo(as_json(findings) if json else text(findings))
    raise typer.Exit(1 if any(finding.verdict == "fail" for finding in findings) else 0)
