"""``eco2 characters``: the catalogue of characters, checked as a file and put into service."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final

import typer
from eco2.character.v1 import character_service_pb2 as pb
from eco2.character.v1.character_service_pb2_grpc import CharacterServiceStub

from services.character.catalogue import Character
from services.character.catalogue_file import CatalogueFileError, read
from services.cli.domain_client import call
from streaming import knowledge

RETIRES: Final = 3
"""Exit code when characters would be retired and that was not asked for."""

RECYCLABLE: Final = "재활용폐기물"

app = typer.Typer(
    add_completion=False, no_args_is_help=True, help="Check and change the catalogue of characters."
)

File = Annotated[
    Path,
    typer.Argument(
        metavar="FILE", help="YAML file like services/character/catalogue.yaml.", dir_okay=False
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]


@app.command()
def check(file: File) -> None:
    """Check a catalogue file, without any service; exit 1 with line and field of every fault."""
    characters = _read(file)
    typer.echo(f"{file}: {len(characters)} characters, nothing wrong")


@app.command()
def sync(
    file: File,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would change, and change nothing.")
    ] = False,
    retire: Annotated[
        bool, typer.Option("--retire", help="Take out characters that FILE does not have.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Make the catalogue in service what FILE says; repeating it changes nothing.

    Characters that are taken out stay with the users who have them. Without --retire that is
    refused, with exit code 3.
    """
    characters = _read(file)
    planned = _sync(characters, dry_run=True)
    retired = [change.code for change in planned.changes if change.action == "retired"]
    if retired and not (retire or dry_run):
        typer.echo(
            f"{file} leaves out {', '.join(retired)}. If nobody is to earn them any more, "
            "say --retire; --dry-run shows every change.",
            err=True,
        )
        raise typer.Exit(RETIRES)
    done = planned if dry_run else _sync(characters, dry_run=False)
    typer.echo(_as_json(done) if as_json else _as_text(done, dry_run=dry_run))


def _read(file: Path) -> Sequence[Character]:
    """Characters of a file; ends the command when it can't be used."""
    try:
        characters = read(file)
    except CatalogueFileError as error:
        typer.echo("\n".join(f"{file}: {line}" for line in str(error).splitlines()), err=True)
        raise typer.Exit(1) from None
    except OSError as error:
        typer.echo(f"{file}: {error.strerror}", err=True)
        raise typer.Exit(1) from None
    taxonomy = knowledge.load()
    for character in characters:
        if character.match and taxonomy.rule_for(RECYCLABLE, character.match) is None:
            typer.echo(
                f"{file}: warning: nothing is classified as {character.match}, "
                f"so nobody can earn {character.name}",
                err=True,
            )
    return characters


def _sync(characters: Sequence[Character], *, dry_run: bool) -> pb.SyncCatalogResponse:
    request = pb.SyncCatalogRequest(
        characters=[
            pb.CatalogCharacter(
                code=character.code,
                name=character.name,
                type=character.type,
                dialog=character.dialog,
                match=character.match,
                aliases=character.aliases,
            )
            for character in characters
        ],
        dry_run=dry_run,
    )
    answer: pb.SyncCatalogResponse = call(
        lambda channel, seconds: CharacterServiceStub(channel).SyncCatalog(
            request, timeout=seconds
        ),
        "character",
    )
    return answer


def _as_json(done: pb.SyncCatalogResponse) -> str:
    changes = [
        {
            "code": change.code,
            "name": change.name,
            "action": change.action,
            "fields": list(change.fields),
        }
        for change in done.changes
    ]
    return json.dumps({"revision": done.revision, "changes": changes}, ensure_ascii=False)


def _as_text(done: pb.SyncCatalogResponse, *, dry_run: bool) -> str:
    if not done.changes:
        return f"the catalogue is as it should be (revision {done.revision})"
    lines = [
        f"{change.action:<9} {change.code} {change.name}"
        + (f" ({', '.join(change.fields)})" if change.fields else "")
        for change in done.changes
    ]
    lines.append("nothing was changed" if dry_run else f"revision {done.revision}")
    return "\n".join(lines)
