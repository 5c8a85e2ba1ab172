"""``eco2 chat``: a question to the assistant from the command line, through the edge."""

from __future__ import annotations

import json
import sys
from typing import Annotated, Any

import typer

from services.cli.app_client import AppClient
from services.cli.scan import (
    BaseUrl,
    JobFailedError,
    Token,
    access_token,
    edge_url,
    run_or_explain,
)


class Speech:
    """The answer as it comes; what was written is never written twice."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self.text = ""

    def add(self, piece: str) -> None:
        """More of the answer."""
        self.text += piece
        self._write(piece)

    def replace(self, text: str) -> None:
        """The whole answer so far, in place of what came before."""
        if text.startswith(self.text):
            self.add(text[len(self.text) :])
        else:
            self.text = text
            self._write(f"\n\n{text}")

    def _write(self, piece: str) -> None:
        if not self._quiet:
            sys.stdout.write(piece)
            sys.stdout.flush()


async def converse(client: AppClient, stream_url: str, speech: Speech, note: Any) -> dict[str, Any]:
    """Follow a turn to its end; what `done` carries. JobFailedError when it failed."""
    async for event in client.events(stream_url):
        data = event.data
        if event.name == "token":
            speech.add(str(data.get("content", "")))
        elif event.name == "token_recovery":
            speech.replace(str(data.get("accumulated", "")))
        elif event.name == "needs_input":
            note(f"{data.get('message', '')} (go on without it in a moment)")
        elif event.name == "error":
            raise JobFailedError(data.get("message") or data.get("error") or "the turn failed")
        elif event.name == "done":
            result: dict[str, Any] = data["result"]
            speech.replace(str(result["answer"]))
            return result
    raise JobFailedError("the event stream ended before `done`")


def chat(
    question: Annotated[str, typer.Argument(help="What to ask, in Korean.")],
    chat_id: Annotated[
        str, typer.Option("--chat", help="Id of a chat to go on with; a new one without.")
    ] = "",
    place: Annotated[
        str, typer.Option("--at", help="Where you are: latitude,longitude in degrees.")
    ] = "",
    base_url: BaseUrl = "",
    token: Token = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print the result document.")] = False,
) -> None:
    """Ask the assistant; the answer is written as it comes."""
    document: dict[str, Any] = {"message": question}
    if place:
        try:
            latitude, longitude = map(float, place.split(","))
        except ValueError:
            raise typer.BadParameter("--at takes two numbers, as 37.568,127.009") from None
        document["user_location"] = {"latitude": latitude, "longitude": longitude}

    def note(text: str) -> None:
        typer.echo(text, err=True)

    async def job() -> dict[str, Any]:
        async with AppClient(edge_url(base_url), await access_token(token)) as client:
            chosen = chat_id or (await client.post("/api/v1/chat", {}))["id"]
            submitted = await client.post(f"/api/v1/chat/{chosen}/messages", document)
            speech = Speech(quiet=as_json)
            result = await converse(client, submitted["stream_url"], speech, note)
            return {"chat_id": chosen, "job_id": submitted["job_id"], **result}

    result = run_or_explain(job())
    if as_json:
        typer.echo(json.dumps(result, ensure_ascii=False, indent=2))
    else:
        typer.echo(f"\n\n{result['intent']} · go on with --chat {result['chat_id']}")
