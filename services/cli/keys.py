"""``eco2 keys``: the keys that sign tokens, and their rotation."""

from __future__ import annotations

import json
from typing import Annotated

import typer
from eco2.auth.v1 import auth_service_pb2 as pb
from eco2.auth.v1.auth_service_pb2_grpc import AuthServiceStub

from services.cli.domain_client import call, table

app = typer.Typer(
    add_completion=False, no_args_is_help=True, help="Show and rotate the keys that sign tokens."
)

Json = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]


@app.command("ls")
def list_keys(as_json: Json = False) -> None:
    """List the published keys; the first one signs, all of them verify."""
    found = call(
        lambda channel, seconds: AuthServiceStub(channel).GetJwks(
            pb.GetJwksRequest(), timeout=seconds
        )
    )
    rows = [
        {"kid": key.kid, "alg": key.alg, "use": "verifies" if number else "signs and verifies"}
        for number, key in enumerate(found.keys)
    ]
    typer.echo(json.dumps(rows)) if as_json else table(rows)


@app.command()
def rotate(
    force: Annotated[
        bool,
        typer.Option("--force", help="Go on although the step is not due, as after a leak."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Take the next step: publish the next key, sign with it, withdraw the old one.

    Forced three times after a leak, it voids whatever the leaked key has signed.
    """
    request = pb.RotateSigningKeyRequest(force=force)
    done = call(
        lambda channel, seconds: AuthServiceStub(channel).RotateSigningKey(request, timeout=seconds)
    )
    rows = [
        {"kid": key.kid, "state": key.state, "created_at": key.created_at.ToJsonString()}
        for key in done.keys
    ]
    typer.echo(json.dumps(rows)) if as_json else table(rows)
