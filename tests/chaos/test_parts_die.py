"""Any part of the stack dies or hangs under load: no accepted scan is lost, none is told twice."""

from __future__ import annotations

import random
import time

import pytest

from tests.chaos.load import User, users_scanning
from tests.e2e.world import World
from tests.wait import until

pytestmark = [pytest.mark.stack, pytest.mark.chaos, pytest.mark.timeout(1200)]

USERS = 12
KILLS = 3

OURS = ["workers", "servers", "progress", "authz", "envoy"]
INFRASTRUCTURE = ["redis", "kafka", "postgres", "s3proxy"]


async def finished_more(users: list[User], count: int = USERS) -> None:
    """Wait until `count` more scans have ended."""
    before = sum(len(user.scans) for user in users)
    await until(
        lambda: sum(len(user.scans) for user in users) >= before + count,
        within_seconds=120,
        every_seconds=0.1,
        what="more scans",
    )


@pytest.mark.parametrize("part", [*OURS, *INFRASTRUCTURE])
async def test_part_killed_again_and_again(world: World, part: str) -> None:
    world.model.set(scale=0.05)
    async with users_scanning(world, USERS, told_all=part != "redis") as users:
        for _ in range(KILLS):
            await finished_more(users)
            old = world.stack.kill(part)
            await world.revived(part, old)
        await finished_more(users)


async def test_everything_killed_in_turns(world: World) -> None:
    world.model.set(scale=0.05)
    parts = [*OURS, *INFRASTRUCTURE]
    random.Random(7).shuffle(parts)
    async with users_scanning(world, USERS, told_all=False) as users:
        for part in parts:
            old = world.stack.kill(part)
            await world.revived(part, old)
            await finished_more(users, 2)


async def test_workers_that_freeze_and_come_back_disturb_nothing(world: World) -> None:
    """Longer than the lease and the session of the consumer group."""
    world.model.set(scale=0.05)
    async with users_scanning(world, USERS) as users:
        await finished_more(users)
        with world.stack.frozen("workers"):
            thaw = time.monotonic() + 14
            await until(
                lambda: time.monotonic() >= thaw, within_seconds=20, what="sessions to run out"
            )
        await finished_more(users)
