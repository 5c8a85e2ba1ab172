"""kill −9 of our own processes: every accepted job ends, and its client sees everything once."""

from __future__ import annotations

import asyncio

import pytest

from services.cli.app_client import AppClient
from tests.e2e.world import Watch, World, photo, read, result, submit, to_end
from tests.wait import until

pytestmark = pytest.mark.stack


@pytest.mark.parametrize("stage", ["vision", "answer"])
async def test_worker_killed_while_the_model_is_asked(
    world: World, alice: AppClient, stage: str
) -> None:
    with world.model.script(hang=1.0 if stage == "vision" else 0.0) as script:
        if stage == "answer":
            script.set(answer_seconds=1000.0)  # 10 s: longer than a call may take
        url = await photo(alice)
        jobs = await asyncio.gather(*(alice.submit(url, script.word) for _ in range(4)))
        watching = [asyncio.create_task(to_end(alice, job)) for job in jobs]
        await until(lambda: script.calls[stage] >= 4, within_seconds=15, what=f"calls of {stage}")
        old = world.stack.kill("workers")
        script.set(hang=0.0, answer_seconds=6.7)
        await world.revived("workers", old)
        for watch in await asyncio.gather(*watching):
            watch.assert_once_in_order()
        for job in jobs:
            assert (await result(alice, job))["status"] == "completed"


async def test_servers_killed_mid_job(world: World, alice: AppClient) -> None:
    with world.model.script(hang=1.0) as script:
        job = await submit(alice, script.word)
        watching = asyncio.create_task(to_end(alice, job))
        await until(lambda: script.calls["vision"], what="the model to be asked")
        old = world.stack.kill("servers")
        script.set(hang=0.0)
        await world.revived("servers", old)
        (await watching).assert_once_in_order()
    assert (await result(alice, job))["status"] == "completed"


async def test_bridge_killed_mid_stream(world: World, alice: AppClient) -> None:
    with world.model.script(hang=1.0) as script:
        job = await submit(alice, script.word)
        halfway = await read(alice, job, Watch(), at_most=2)
        watching = [
            asyncio.create_task(to_end(alice, job)),
            asyncio.create_task(to_end(alice, job, halfway)),
        ]
        await until(lambda: script.calls["vision"], what="the model to be asked")
        old = world.stack.kill("progress")
        script.set(hang=0.0)
        for watch in await asyncio.gather(*watching):
            watch.assert_once_in_order()
    await world.revived("progress", old)
    assert await world.streams_open() == 0
