"""The whole stack with a model the tests control, and what the app does on it."""

from __future__ import annotations

import asyncio
import itertools
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import aiohttp
import httpx
import jwt
from prometheus_client.parser import text_string_to_metric_families

from mesh.local.ephemeral_stack import EphemeralStack
from mesh.local.parts import python
from services.auth import keys
from services.cli.app_client import AppClient, AppError, ServerEvent, Submitted
from services.cli.demo import SAMPLE
from services.runtime.ports import HOST, env_name
from tests.e2e.model import ScriptedModel
from tests.ports import free_port
from tests.ready import is_ready
from tests.recorded_portal import NO_DATA
from tests.stranger import Stranger, always, listening
from tests.wait import until

ORIGIN: Final = "https://localhost:5173"
"""An origin the app is served from."""

RESTART_SECONDS: Final = 120.0
"""What the restart of a part may take on a slow and busy machine."""

JOB_SECONDS: Final = RESTART_SECONDS + 60.0
"""Deadline of a job on this stack: one that waits for the restart of a part has time left."""

EVENTS: Final = 10
"""Events of a scan: queued, two a stage, done."""

ENDED: Final = ("done", "error")

SETTINGS: Final[Mapping[str, str]] = {
    "ECO2_MODEL_PROVIDER": "openai",
    "OPENAI_API_KEY": "of-the-simulator",
    "ECO2_MODEL_CALL_TIMEOUT_SECONDS": "1.5",
    "ECO2_MODEL_WEB_SEARCH": "on",
    "ECO2_MODEL_PICTURES": "on",
    "ECO2_MODEL_BREAKER_OPEN_SECONDS": "0.2",
    "ECO2_MODEL_BREAKER_OPEN_MAX_SECONDS": "0.5",
    "ECO2_JOB_DEADLINE_SECONDS": str(JOB_SECONDS),
    "ECO2_SCAN_SWEEP_SECONDS": "0.3",
    "ECO2_RESEND_AFTER_SECONDS": "2.5",
    "ECO2_BROKER_PAUSE_SECONDS": "0.5",
    "ECO2_STAGE_LEASE_SECONDS": "3",
    "ECO2_CHAT_LEASE_SECONDS": "3",
    "ECO2_PROGRESS_KEEPALIVE_SECONDS": "1",
    "ECO2_PROGRESS_IDLE_CHECK_SECONDS": "1",
    "ECO2_PROGRESS_JOB_POLL_SECONDS": "0.3",
    "ECO2_PROGRESS_STREAMS_PER_USER": "64",
    "ECO2_SCAN_SUBMITS_PER_MINUTE": "0",
    "ECO2_DRAIN_SECONDS": "3",
}
"""Budgets scaled down; what they mean is as in production."""


@dataclass
class Watch:
    """What a client has seen of a job, over as many connections as it took."""

    events: list[ServerEvent] = field(default_factory=list)
    refused: list[int] = field(default_factory=list)
    """Statuses of connections that were no stream."""

    @property
    def ids(self) -> list[str]:
        """Ids of the events."""
        return [event.id for event in self.events]

    @property
    def last(self) -> ServerEvent:
        """The newest event."""
        return self.events[-1]

    def steps(self) -> list[tuple[str, str]]:
        """Name and status of every event."""
        return [(event.name, event.data["status"]) for event in self.events]

    def assert_once_in_order(self, *, complete: bool = True) -> None:
        """The scan is done, nothing came twice, the numbers grow, and if `complete`, nothing of it
        was lost.
        """
        assert self.last.name == "done", self.steps()
        assert len(set(self.ids)) == len(self.ids), self.ids
        numbers = [event.data["seq"] for event in self.events]
        assert numbers == sorted(set(numbers)), numbers
        if complete:
            assert len(self.events) == EVENTS, self.steps()

    def saw(self, stage: str) -> bool:
        """Whether an event of this stage came."""
        return any(event.name == stage for event in self.events)


class World:
    """One running stack."""

    def __init__(
        self,
        stack: EphemeralStack,
        model: ScriptedModel,
        portal: Stranger,
        key: keys.SigningKey,
    ) -> None:
        self.stack = stack
        self.model = model
        self.portal = portal
        self._key = key
        self._numbers = itertools.count()

    async def user(self, name: str = "") -> AppClient:
        """A signed-in app; a new account without a name. The caller closes it."""
        return AppClient(self.stack.base_url, await self.token(name))

    async def token(self, name: str = "") -> str:
        """Access token of a user."""
        chosen = name or f"user-{next(self._numbers)}"
        return await asyncio.to_thread(self.stack.token, chosen)

    def forged(self, **claims: Any) -> str:
        """A token signed with the key of the stack, with claims replaced."""
        usual = {
            "iss": "api.dev.growbin.app/api/v1/auth",
            "aud": "api",
            "sub": str(uuid.uuid4()),
            "sid": str(uuid.uuid4()),
            "jti": str(uuid.uuid4()),
            "type": "access",
            "provider": "google",
        }
        return jwt.encode(
            {**usual, **claims}, self._key.private_pem, "RS256", headers={"kid": self._key.kid}
        )

    async def streams_open(self) -> float:
        """Event streams the bridge holds open."""
        return await self.metric("metrics_progress", "sse_gateway_connections_active")

    async def metric(self, port: str, name: str, **labels: str) -> float:
        """Sum of a metric's samples with these labels."""
        async with httpx.AsyncClient(trust_env=False) as http:
            answer = await http.get(f"http://{HOST}:{self.stack.port(port)}/metrics")
        answer.raise_for_status()
        return sum(
            sample.value
            for family in text_string_to_metric_families(answer.text)
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )

    @asynccontextmanager
    async def another_worker(self, name: str) -> AsyncIterator[None]:
        """A further process that does the work of `name`, and is a member of its group."""
        stack, port = self.stack, free_port()
        process = await asyncio.create_subprocess_exec(
            *python.command(stack.paths, "work", name),
            env={
                **stack.environ,
                **python.variables(stack.paths),
                env_name("metrics_work"): str(port),
            },
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )

        async def ready() -> bool:
            assert process.returncode is None, "the worker ended by itself"
            return await is_ready(port)

        try:
            await until(ready, within_seconds=60, every_seconds=0.1, what="the other worker")
            yield
        finally:
            process.terminate()
            await asyncio.wait_for(process.wait(), 20)

    async def revived(
        self, part: str, old: int, *, within_seconds: float = RESTART_SECONDS
    ) -> None:
        """Wait until the supervisor has brought a killed part back."""

        def back() -> bool:
            status = self.stack.status(part)
            return status.state == "ready" and status.pid not in (None, old)

        await until(back, within_seconds=within_seconds, every_seconds=0.05, what=f"{part} again")


@asynccontextmanager
async def running_world(
    folder: Path, settings: Mapping[str, str] | None = None
) -> AsyncIterator[World]:
    """Start everything, and stop it; `settings` beside or instead of the usual ones."""
    async with listening() as portal, _modelling() as model:
        key = keys.generate()
        key_file = folder / "signing.pem"
        key_file.write_text(key.private_pem)
        own = {
            "OPENAI_BASE_URL": model.url,
            "ECO2_SIGNING_KEY_FILE": str(key_file),
            "ECO2_DATA_PORTAL_KEY": "of-the-stand-in",
            "ECO2_KMA_URL": f"{portal.origin}/kma",
            "ECO2_KECO_BOXES_URL": f"{portal.origin}/keco",
            "ECO2_HOUSEHOLD_WASTE_URL": f"{portal.origin}/household",
        }
        portal.answer = always(body=NO_DATA)
        stack = EphemeralStack({**SETTINGS, **own, **(settings or {})})
        await asyncio.to_thread(stack.__enter__)
        try:
            yield World(stack, model, portal, key)
        finally:
            await asyncio.to_thread(stack.close)


@asynccontextmanager
async def _modelling() -> AsyncIterator[ScriptedModel]:
    model = ScriptedModel()
    await model.start()
    try:
        yield model
    finally:
        await model.stop()


async def photo(app: AppClient) -> str:
    """URL of an uploaded photo."""
    data = await asyncio.to_thread(SAMPLE.read_bytes)
    return await app.upload(data, SAMPLE.name, "image/jpeg")


async def submit(app: AppClient, question: str | None = None) -> Submitted:
    """Upload a photo and submit it."""
    return await app.submit(await photo(app), question)


async def read(
    app: AppClient, job: Submitted, watch: Watch, *, at_most: int | None = None
) -> Watch:
    """Read events behind what `watch` has seen, until the server ends the stream or `at_most`."""
    left = at_most
    last = watch.ids[-1] if watch.events else None
    async with aclosing(app.events(job.stream_url, last)) as events:
        async for event in events:
            if event.name == "keepalive":
                continue
            watch.events.append(event)
            if left is not None:
                left -= 1
                if left <= 0:
                    break
    return watch


async def to_end(
    app: AppClient, job: Submitted, watch: Watch | None = None, *, within_seconds: float = 30
) -> Watch:
    """Read to the end of the job, coming back as a browser does when the connection breaks."""
    watch = watch or Watch()
    try:
        async with asyncio.timeout(within_seconds):
            while not watch.events or watch.last.name not in ENDED:
                try:
                    await read(app, job, watch)
                except AppError as error:
                    if error.status < 500:
                        raise
                    watch.refused.append(error.status)
                    await asyncio.sleep(0.1)  # a browser's pause before it reconnects
                except aiohttp.ClientError:
                    await asyncio.sleep(0.1)
    except TimeoutError:
        raise AssertionError(f"job {job.job_id} has not ended: {watch.steps()}") from None
    return watch


async def result(app: AppClient, job: Submitted) -> Any:
    """The result document of a job that has ended."""
    return await app.get(job.result_url)
