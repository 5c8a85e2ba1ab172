"""``eco2 scan`` and ``eco2 watch``: the main job from the command line, through the edge."""

from __future__ import annotations

import asyncio
import json
import mimetypes
import sys
from pathlib import Path
from typing import Annotated, Any

import aiohttp
import grpc.aio
import typer

from services.cli.app_client import AppClient, AppError, ServerEvent
from services.cli.show import Display, print_result
from services.cli.token import issue
from services.runtime.ports import HOST, port

BaseUrl = Annotated[
    str, typer.Option(help="Base URL of the edge; this machine's by default.", show_default=False)
]
Token = Annotated[
    str, typer.Option(help="Access token; a session of the user demo is issued without one.")
]


class JobFailedError(Exception):
    """The job did not end as it should; the message says how."""


def edge_url(base_url: str) -> str:
    """The given base URL, or that of this machine's edge."""
    return base_url or f"http://{HOST}:{port('edge_http')}"


async def access_token(given: str) -> str:
    """The given token, or one of a new session of the user demo."""
    return given or (await issue(["demo"]))[0].access_token


async def follow(client: AppClient, stream_url: str, display: Display) -> list[ServerEvent]:
    """Show the events of a job until it ends; the events. JobFailedError when it failed."""
    seen: list[ServerEvent] = []
    async for event in client.events(stream_url):
        if event.name == "keepalive":
            continue
        seen.append(event)
        display.event(event)
        if event.name == "error":
            said = event.data.get("message") or event.data.get("error") or event.data.get("result")
            raise JobFailedError(f"the job failed: {said}")
        if event.name == "done":
            return seen
    raise JobFailedError("the event stream ended before `done`")


async def scan_photo(
    client: AppClient, image: Path, question: str | None, display: Display
) -> tuple[list[ServerEvent], dict[str, Any]]:
    """Upload, submit, follow and fetch the result; the events and the result document."""
    kind = mimetypes.guess_type(image.name)[0] or "application/octet-stream"
    data = await asyncio.to_thread(image.read_bytes)
    display.say(f"uploading {image.name} ({len(data) / 1000:.0f} kB)")
    url = await client.upload(data, image.name, kind)
    submitted = await client.submit(url, question)
    display.say(f"submitted as job {submitted.job_id}")
    events = await follow(client, submitted.stream_url, display)
    return events, await client.get(submitted.result_url)


def run_or_explain(job: Any) -> Any:
    """Run a coroutine; what can go wrong becomes one line and exit code 1."""
    try:
        return asyncio.run(job)
    except (AppError, JobFailedError) as error:
        typer.echo(f"eco2: {error}", err=True)
    except (aiohttp.ClientConnectionError, grpc.aio.AioRpcError, TimeoutError):
        typer.echo("eco2: the edge does not answer; start the stack with `make up`", err=True)
    except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError):
        typer.echo("eco2: the base URL is not one of http or https", err=True)
    except (aiohttp.ClientError, ValueError) as error:
        typer.echo(f"eco2: the edge's answer can't be read: {error}", err=True)
    except KeyboardInterrupt:
        typer.echo("eco2: interrupted", err=True)
    raise typer.Exit(1)


def scan(
    image: Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True)],
    question: Annotated[str, typer.Option("--question", "-q", help="Your question.")] = "",
    base_url: BaseUrl = "",
    token: Token = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print the result document.")] = False,
) -> None:
    """Scan a photo of your own: upload it, watch the stages, print what to do with the item."""

    async def job() -> dict[str, Any]:
        async with AppClient(edge_url(base_url), await access_token(token)) as client:
            with Display(sys.stderr if as_json else sys.stdout) as display:
                _, result = await scan_photo(client, image, question or None, display)
                return result

    result = run_or_explain(job())
    if as_json:
        typer.echo(json.dumps(result, ensure_ascii=False, indent=2))
    else:
        print_result(result)


def watch(
    job_id: Annotated[str, typer.Argument(help="Id of the job.")],
    token: Annotated[str, typer.Option(help="Access token of the job's owner.")],
    base_url: BaseUrl = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print one event a line.")] = False,
) -> None:
    """Follow the progress of a job until it ends."""

    async def job() -> None:
        async with AppClient(edge_url(base_url), token) as client:
            with Display(sys.stdout, lines_only=True, as_json=as_json) as display:
                await follow(client, f"/api/v1/scan/{job_id}/events", display)

    run_or_explain(job())
