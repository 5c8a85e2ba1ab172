"""``eco2 serve`` and ``eco2 work``: run components as this process."""

from __future__ import annotations

from typing import Annotated

import typer

from services.cli import catalogue
from services.runtime.component import Builder
from services.runtime.ports import DEFAULT_PORTS
from services.runtime.process import run
from services.runtime.settings import RuntimeSettings

MetricsPort = Annotated[
    str,
    typer.Option(help="Name of the port for /metrics and /health (see services/runtime/ports.py)."),
]


def _run(name: str, builders: list[Builder], metrics_port: str) -> None:
    if metrics_port not in DEFAULT_PORTS:
        raise typer.BadParameter(f"no port is called {metrics_port!r}")
    try:
        code = run(name, builders, RuntimeSettings(), metrics_port)
    except RuntimeError as error:
        typer.echo(f"eco2: {error}", err=True)
        raise typer.Exit(1) from None
    raise typer.Exit(code)


def serve(
    names: Annotated[list[str], typer.Argument(help=f"Any of: {', '.join(catalogue.SERVERS)}.")],
    metrics_port_name: MetricsPort = "metrics_serve",
) -> None:
    """Serve one or more domains or edge servers in this process."""
    try:
        builders = [catalogue.server(name) for name in names]
    except catalogue.UnknownNameError as error:
        raise typer.BadParameter(str(error)) from None
    _run("-".join(names), builders, metrics_port_name)


def work(
    names: Annotated[
        list[str],
        typer.Argument(help=f"Any of: {', '.join((*catalogue.STAGES, *catalogue.WORKERS))}."),
    ],
    metrics_port_name: MetricsPort = "metrics_work",
) -> None:
    """Run one or more workers in this process."""
    try:
        builders = catalogue.workers(names)
    except catalogue.UnknownNameError as error:
        raise typer.BadParameter(str(error)) from None
    _run("work-" + "-".join(names), builders, metrics_port_name)
