"""``eco2 edge``: the edge's configuration."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer
import yaml

app = typer.Typer(help="The edge: its generated Envoy configuration.", no_args_is_help=True)


@app.callback()
def edge() -> None:
    """Keep `config` a subcommand although it is the only one."""


@app.command()
def config(
    output: Annotated[
        Path | None, typer.Option("--output", help="File to write; standard output if not given.")
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Let Envoy validate it; exit 1 when it refuses.")
    ] = False,
) -> None:
    """Print the Envoy configuration made from the descriptors, the ports and the settings.

    Standard output gets no secrets; a file does, and is readable by its owner alone.
    """
    from edge.envoy import binary, build
    from edge.envoy.settings import EdgeSettings

    try:
        if output is not None:
            build.write(output)
        else:
            yaml.safe_dump(
                build.masked(build.build(EdgeSettings())),
                sys.stdout,
                sort_keys=False,
                allow_unicode=True,
            )
        if check:
            with tempfile.TemporaryDirectory() as scratch:
                file = output or Path(scratch) / "envoy.yaml"
                if output is None:
                    build.write(file)
                binary.validate(file)
    except (ValueError, binary.EnvoyMissingError, binary.ConfigRejectedError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None
