"""The ``eco2`` command.

Sub-commands load on use: ``eco2 serve`` must not pay for what ``eco2 demo`` imports.
"""

from __future__ import annotations

import logging
import os
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated, Any

import typer
import typer.core
import typer.main

COMMANDS: dict[str, tuple[str, str]] = {
    # name: (module:attribute, short help)
    "up": ("services.cli.up:up", "Start the whole stack on this machine."),
    "down": ("services.cli.down:down", "Stop the stack."),
    "status": ("services.cli.status:status", "Show the parts of the stack."),
    "doctor": ("services.cli.doctor:doctor", "Check what the stack needs, and say what to do."),
    "demo": ("services.cli.demo:demo", "Send a photo through the edge and print the answer."),
    "scan": ("services.cli.scan:scan", "Scan a photo of your own."),
    "chat": ("services.cli.chat:chat", "Ask the assistant."),
    "watch": ("services.cli.scan:watch", "Follow the progress of a job."),
    "token": ("services.cli.token:token", "Issue a real session for local use."),
    "sessions": ("services.cli.sessions:app", "Show the sessions of a user and end them."),
    "keys": ("services.cli.keys:app", "Show and rotate the keys that sign tokens."),
    "characters": ("services.cli.characters:app", "Check and change the catalogue of characters."),
    "serve": ("services.cli.run:serve", "Serve domains or edge servers in this process."),
    "work": ("services.cli.run:work", "Run pipeline stages or workers in this process."),
    "migrate": ("services.cli.migrate:migrate", "Bring every schema up to date."),
    "topics": ("services.cli.topics:app", "Create and list the Kafka topics."),
    "dlq": ("services.cli.dlq:app", "Look into the dead letter queues and replay them."),
    "edge": ("services.cli.edge:app", "Build the edge's configuration."),
    "import-places": (
        "services.cli.import_places:import_places",
        "Import places out of a public data set.",
    ),
    "seed": ("services.cli.seed:seed", "Put sample data into the local stack."),
    "news": ("services.cli.news:app", "Collect news by hand."),
    "knowledge": ("services.cli.knowledge:app", "Check the knowledge base."),
    "config": ("services.cli.config:config", "Print the settings in force."),
    "gen": ("services.cli.gen:app", "Regenerate what is generated from proto/."),
}


class _Lazy(typer.core.TyperGroup):
    """A group whose commands are imported when they are asked for."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Names in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of a name; None for an unknown one."""
        return _loaded(cmd_name) if cmd_name in COMMANDS else None

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Help with the short texts of the table, without importing the commands."""
        typer.echo("Usage: eco2 COMMAND [OPTIONS]\n")
        typer.echo(f"{self.help}\n\nCommands:")
        for name, (_, text) in COMMANDS.items():
            typer.echo(f"  {name:<13} {text}")
        typer.echo("\n`eco2 COMMAND --help` tells the options of a command.")


def _loaded(name: str) -> Any:
    module, _, attribute = COMMANDS[name][0].partition(":")
    target: Any = getattr(import_module(module), attribute)
    if not isinstance(target, typer.Typer):
        function, target = target, typer.Typer(add_completion=False)
        target.command()(function)
    command = typer.main.get_command(target)
    command.name = name
    return command


app = typer.Typer(cls=_Lazy, add_completion=False, no_args_is_help=True)


def _print_version(wanted: bool) -> None:
    if wanted:
        try:
            typer.echo(version("eco2"))
        except PackageNotFoundError:
            typer.echo("unreleased")
        raise typer.Exit


@app.callback()
def _root(
    show_version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """Backend of a Korean waste-sorting assistant: run it, look into it, try it."""


def main() -> None:
    """Entry point of the ``eco2`` command."""
    # What a client library warns of, the commands say themselves; processes that serve or work set
    # their own logging up.
    logging.getLogger().addHandler(logging.NullHandler())
    # Processes of ours start others (tesseract, the reader of feeds) and never go on in a copy of
    # themselves: gRPC need not get ready for that, nor tell of it at every start. It reads this
    # when it is imported, which the commands do.
    os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
    app(prog_name="eco2")


if __name__ == "__main__":
    main()
