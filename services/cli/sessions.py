"""``eco2 sessions``: who is signed in where, and ending it."""

from __future__ import annotations

import json
from typing import Annotated

import typer
from eco2.auth.v1 import auth_service_pb2 as pb
from eco2.auth.v1.auth_service_pb2_grpc import AuthServiceStub

from services.cli.domain_client import call, table

app = typer.Typer(
    add_completion=False, no_args_is_help=True, help="Show the sessions of a user and end them."
)

User = Annotated[str, typer.Argument(metavar="USER_ID", help="UUID of the user.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]


@app.command("ls")
def list_sessions(user_id: User, as_json: Json = False) -> None:
    """List the sessions of a user that are neither ended nor expired, latest use first."""
    found = call(
        lambda channel, seconds: AuthServiceStub(channel).ListSessions(
            pb.ListSessionsRequest(user_id=user_id), timeout=seconds
        )
    )
    rows = [
        {
            "session_id": session.session_id,
            "provider": session.provider,
            "device_id": session.device_id,
            "user_agent": session.user_agent,
            "created_at": session.created_at.ToJsonString(),
            "last_used_at": session.last_used_at.ToJsonString(),
            "expires_at": session.expires_at.ToJsonString(),
        }
        for session in found.sessions
    ]
    typer.echo(json.dumps(rows, ensure_ascii=False)) if as_json else table(rows)


@app.command()
def revoke(
    user_id: User,
    session_id: Annotated[
        str, typer.Argument(metavar="SESSION_ID", help="UUID of the session.")
    ] = "",
    everything: Annotated[bool, typer.Option("--all", help="Every session of the user.")] = False,
    reason: Annotated[str, typer.Option(help="Why, for the records.")] = "operator",
    as_json: Json = False,
) -> None:
    """End one session of a user, or all of them: denied at the edge within a second."""
    if bool(session_id) == everything:
        raise typer.BadParameter("say either a SESSION_ID or --all")
    request = pb.RevokeSessionRequest(user_id=user_id, reason=reason)
    if session_id:
        request.session_id = session_id
    done = call(
        lambda channel, seconds: AuthServiceStub(channel).RevokeSession(request, timeout=seconds)
    )
    typer.echo(json.dumps({"revoked": done.revoked}) if as_json else f"ended {done.revoked}")
