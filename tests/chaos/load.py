"""Users who keep scanning while parts die, as patient as the app and a retrying HTTP client."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp

from services.cli.app_client import AppClient, AppError, Submitted
from tests.e2e.world import Watch, World, photo, result, to_end
from tests.wait import until

JOB_PATIENCE_SECONDS = 120.0
PAUSE_SECONDS = 0.2


@dataclass
class User:
    """One user and what became of their scans."""

    app: AppClient
    scans: list[tuple[Submitted, Watch]] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    """Answers to submissions that were repeated, for the report of a failure."""

    async def scan_until(self, stop: asyncio.Event) -> None:
        """Scan the same photo again and again; every accepted scan is watched to its end."""
        url = ""
        while not stop.is_set():
            try:
                url = url or await photo(self.app)
            except (AppError, aiohttp.ClientError, TimeoutError):
                await asyncio.sleep(PAUSE_SECONDS)
                continue
            job = await self._submitted(url)
            watch = await to_end(self.app, job, within_seconds=JOB_PATIENCE_SECONDS)
            self.scans.append((job, watch))

    async def _submitted(self, url: str) -> Submitted:
        """Submit with a key, until there is an answer; one job whatever was lost on the way."""
        key = {"x-idempotency-key": str(uuid.uuid4())}
        async with asyncio.timeout(JOB_PATIENCE_SECONDS):
            while True:
                try:
                    got = await self.app.post("/api/v1/scan", {"image_url": url}, key)
                except AppError as error:
                    if error.status < 500:
                        raise
                    self.refusals.append(str(error))
                except (aiohttp.ClientError, TimeoutError) as error:
                    self.refusals.append(repr(error))
                else:
                    return Submitted(got["job_id"], got["stream_url"], got["result_url"])
                await asyncio.sleep(PAUSE_SECONDS)


@asynccontextmanager
async def users_scanning(
    world: World, count: int, *, told_all: bool = True
) -> AsyncIterator[list[User]]:
    """New users who scan while the body runs; after it every scan of theirs must have ended well.

    AssertionError when a scan was lost or told twice, or a character is not owned exactly once.
    `told_all` is False where Redis is away at times: what could not be published is not told (the
    `queued` of a submission waits a second at the most), but the end of a job always is.
    """
    stop = asyncio.Event()
    users = [User(await world.user()) for _ in range(count)]
    try:
        scanning = [asyncio.create_task(user.scan_until(stop)) for user in users]
        try:
            yield users
        finally:
            stop.set()
            ends = await asyncio.gather(*scanning, return_exceptions=True)
        for end in ends:
            if end is not None:
                raise end
        for user in users:
            await _assert_nothing_lost(user, told_all)
            await _assert_owned_once(user.app, "페티")
    finally:
        for user in users:
            await user.app.__aexit__(None, None, None)


async def _assert_nothing_lost(user: User, told_all: bool) -> None:
    """Every accepted scan was completed and told once, in order; characters are owned once."""
    assert user.scans, user.refusals
    for job, watch in user.scans:
        watch.assert_once_in_order(complete=told_all)
        document = await result(user.app, job)
        assert document["status"] == "completed"
        assert document == watch.last.data["result"]
    page = await user.app.get("/api/v1/scan/history?limit=100")
    if page.get("next_cursor") is None:
        assert {scan["status"] for scan in page["scans"]} == {"completed"}
        assert len(page["scans"]) == len(user.scans), "a submission that was repeated is one job"


async def _assert_owned_once(app: AppClient, name: str) -> None:
    async def owned() -> list[str]:
        return [c["name"] for c in await app.get("/api/v1/users/me/characters")]

    async def has_it() -> bool:
        return name in await owned()

    await until(has_it, within_seconds=90, every_seconds=0.1, what=f"the character {name}")
    assert (await owned()).count(name) == 1
