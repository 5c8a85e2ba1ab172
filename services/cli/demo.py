"""``eco2 demo``: the main job on real parts, checked as it goes.

Starts the stack unless it is up, signs a user in, uploads a photo, submits the scan, shows its
progress, prints what to do with the item, and waits until the character is the user's. Exit code 0
only if all of it worked.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import sys
from pathlib import Path
from typing import Annotated

import aiohttp
import grpc.aio
import typer

from services.cli.app_client import AppClient, AppError, ServerEvent
from services.cli.scan import JobFailedError, edge_url, scan_photo
from services.cli.show import Display, print_result
from services.cli.token import issue

SAMPLE = Path(__file__).resolve().parents[2] / "mesh" / "local" / "samples" / "pet_bottle.jpg"
STAGES = ("queued", "vision", "rule", "answer", "reward", "done")
CHARACTER_SECONDS = 15.0


def check_events(events: list[ServerEvent]) -> None:
    """JobFailedError unless every stage came, in order, with strictly increasing seq."""
    order = list(dict.fromkeys(event.name for event in events))
    if order != list(STAGES):
        raise JobFailedError(f"stages came as {order}")
    numbers = [event.data["seq"] for event in events]
    if any(after <= before for before, after in itertools.pairwise(numbers)):
        raise JobFailedError(f"seq does not increase: {numbers}")


async def job(image: Path, question: str) -> int:
    """The demo on a running stack; its exit code."""
    try:
        session = (await issue(["demo"]))[0]
        async with AppClient(edge_url(""), session.access_token) as client:
            with Display(sys.stdout) as display:
                events, result = await scan_photo(client, image, question or None, display)
            check_events(events)
            if result["status"] != "completed":
                raise JobFailedError(f"the result says {result['status']}")
            print_result(result)
            reward = result.get("reward")
            if reward:
                await _await_character(client, reward["name"])
                typer.echo(f"\n{reward['name']} is in the user's collection.")
    except (AppError, JobFailedError, TimeoutError) as error:
        typer.echo(f"eco2: {error}", err=True)
        return 1
    except (aiohttp.ClientError, grpc.aio.AioRpcError) as error:
        typer.echo(f"eco2: the stack does not answer: {error}", err=True)
        return 1
    return 0


async def _await_character(client: AppClient, name: str) -> None:
    """Wait until a character is owned; TimeoutError when it does not arrive."""
    async with asyncio.timeout(CHARACTER_SECONDS):
        while True:
            owned = await client.get("/api/v1/users/me/characters")
            if any(character["name"] == name for character in owned):
                return
            await asyncio.sleep(0.1)  # the grant travels over Kafka; nothing announces its arrival


def demo(
    image: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="Photo to scan instead of the sample."),
    ] = None,
    question: Annotated[str, typer.Option(help="Question to ask about it.")] = "",
) -> None:
    """Start the stack, send a photo through the edge as the app would, print what to do."""
    from mesh.local.demo import run_demo
    from mesh.local.paths import default

    raise typer.Exit(
        run_demo(
            lambda: job(image or SAMPLE, question),
            default(),
            dict(os.environ),
            out=sys.stdout,
            err=sys.stderr,
        )
    )
