"""A limit for many blocks does what asyncio.timeout does for one."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from services.runtime.time_limit import TimeLimit
from tests.wait import until


async def test_a_block_that_takes_too_long_is_broken_off() -> None:
    limit = TimeLimit(0.01)
    with pytest.raises(TimeoutError), limit.block():
        await asyncio.Event().wait()
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


async def test_blocks_are_broken_off_one_after_the_other_and_only_those_still_running() -> None:
    limit = TimeLimit(0.02)
    ended: list[int] = []

    async def block(number: int, *, quick: bool) -> None:
        try:
            with limit.block():
                await (asyncio.sleep(0) if quick else asyncio.Event().wait())
        except TimeoutError:
            ended.append(number)

    async with asyncio.TaskGroup() as group:
        for number in range(6):
            group.create_task(block(number, quick=number % 2 == 0))
    assert ended == [1, 3, 5]
    async with asyncio.TaskGroup() as group:  # its timer has run out, and begins anew
        group.create_task(block(7, quick=False))
    assert ended[-1] == 7


async def test_what_a_block_raises_and_returns_is_left_alone() -> None:
    limit = TimeLimit(30)
    with pytest.raises(ValueError, match="own"), limit.block():
        raise ValueError("own")
    with pytest.raises(TimeoutError, match="own"), limit.block():
        raise TimeoutError("own")


async def test_a_cancellation_from_outside_stays_one() -> None:
    limit = TimeLimit(30)

    async def bounded() -> None:
        with limit.block():
            await asyncio.Event().wait()

    task = asyncio.create_task(bounded())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_cancellation_while_it_is_broken_off_is_not_swallowed() -> None:
    limit = TimeLimit(0.01)
    stubborn = asyncio.Event()

    async def bounded() -> None:
        with limit.block():
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                stubborn.set()
                await asyncio.Event().wait()

    task = asyncio.create_task(bounded())
    await asyncio.wait_for(stubborn.wait(), 10)
    task.cancel()
    with contextlib.suppress(TimeoutError):
        await asyncio.wait({task})
    assert task.cancelled()


async def test_blocks_may_stand_in_each_other() -> None:
    outer, inner = TimeLimit(30), TimeLimit(0.01)
    with outer.block():
        with pytest.raises(TimeoutError), inner.block():
            await asyncio.Event().wait()
        await asyncio.sleep(0)
    with pytest.raises(TimeoutError), inner.block(), outer.block():
        await asyncio.Event().wait()


async def test_one_that_overstays_after_the_block_has_ended_in_time_is_not_touched() -> None:
    limit = TimeLimit(0.01)
    for _ in range(3):
        with limit.block():
            await asyncio.sleep(0)
    await until(lambda: limit.idle)


def test_only_a_task_can_be_bounded() -> None:
    async def called_back() -> str:
        loop, answer = asyncio.get_running_loop(), asyncio.get_running_loop().create_future()

        def callback() -> None:
            try:
                TimeLimit(1).block().__enter__()
            except RuntimeError as error:
                answer.set_result(str(error))

        loop.call_soon(callback)
        return str(await answer)

    assert "task" in asyncio.run(called_back())
