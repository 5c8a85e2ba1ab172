"""A stream ends when the bridge says so, with an event that tells why, and not because of the edge.

The bridge's limit is lowered by its setting; that nothing of the edge's comes before the usual one
is proven against the generated configuration (tests/unit/edge/test_limits_of_streams.py).
"""

from __future__ import annotations

import json
import uuid
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest

from services.runtime import redis_clients
from services.runtime.settings import RuntimeSettings
from tests.contract.edge import ORIGIN, Edge
from tests.integration.progress.bridge import Bridge, running_bridge
from tests.integration.progress.conftest import RedisServer
from tests.integration.progress.scans import Scan

SECONDS = 1.0
"""The longest life of a stream here."""

TIMEOUT = {"type": "error", "error": "timeout", "message": "Maximum wait time exceeded"}


@pytest.fixture(scope="module")
def redis_server() -> Iterator[RedisServer]:
    with RedisServer() as server:
        yield server


@pytest.fixture
async def bridge(edge: Edge, redis_server: RedisServer) -> AsyncIterator[Bridge]:
    """The real bridge behind the edge, in the place of the one that records."""
    async with running_bridge(
        redis_server.url,
        progress_connection_seconds=SECONDS,
        progress_keepalive_seconds=SECONDS / 4,
    ) as running:
        edge.bridge.instead = running.app
        try:
            yield running
        finally:
            edge.bridge.instead = None


def frames(body: str) -> list[dict[str, str]]:
    """The fields of each frame; comments are left out."""
    assert body.endswith("\r\n\r\n"), "the last frame is whole"
    parsed = []
    for frame in body.removesuffix("\r\n\r\n").split("\r\n\r\n"):
        lines = [line.partition(":") for line in frame.split("\r\n")]
        parsed.append({name: value.removeprefix(" ") for name, _, value in lines if name})
    return [frame for frame in parsed if frame]


@pytest.mark.parametrize("version", ["HTTP/1.1", "HTTP/2"])
async def test_the_longest_life_of_a_stream_ends_it_with_an_event_through_the_edge(
    edge: Edge, bridge: Bridge, redis_server: RedisServer, version: str
) -> None:
    user = str(uuid.uuid4())
    settings = RuntimeSettings.model_validate({"redis_url": redis_server.url})
    async with redis_clients.connect(settings, redis_clients.Role.COMMAND) as redis:
        scan = await Scan(redis).open(user)
        await scan.say("vision")
    async with httpx.AsyncClient(
        http2=version == "HTTP/2", verify=edge.trust, timeout=20, trust_env=False
    ) as browser:

        async def watch(**more: str) -> tuple[httpx.Response, list[dict[str, str]]]:
            # read to the end: an edge that cut the stream would break it off, which raises
            answer = await browser.get(
                f"{edge.https_url}/api/v1/scan/{scan.job_id}/events",
                headers={**edge.signed_in(sub=user), "origin": ORIGIN, **more},
            )
            return answer, frames(answer.text)

        answer, told = await watch()
        assert (answer.status_code, answer.http_version) == (200, version)
        assert answer.elapsed.total_seconds() >= SECONDS
        names = [frame.get("event", "") for frame in told]
        assert names[:3] == ["", "queued", "vision"]
        assert names[-1] == "error"
        assert set(names[3:-1]) <= {"keepalive"}
        assert told[-1]["id"] == "", "whoever comes back after it is told everything again"
        assert json.loads(told[-1]["data"]) == TIMEOUT

        # what the page does next: it comes back, and is served for as long again
        last = next(frame["id"] for frame in reversed(told) if frame.get("id"))
        answer, told = await watch(**{"last-event-id": last})
        assert answer.elapsed.total_seconds() >= SECONDS
        events: list[Any] = [frame["event"] for frame in told if "event" in frame]
        assert [name for name in events if name != "keepalive"] == ["error"]
