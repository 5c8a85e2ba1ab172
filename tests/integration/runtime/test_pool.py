"""The pool of connections: first come, first served, and a lent connection is always in order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import asyncpg
import pytest
import pytest_asyncio

from services.runtime.pool import Pool
from tests.wait import until

pytestmark = pytest.mark.parts

SIZE = 2


@pytest_asyncio.fixture
async def behind(postgres_url: str) -> AsyncIterator[asyncpg.Pool]:
    made = await asyncpg.create_pool(postgres_url, min_size=0, max_size=SIZE)
    yield made
    made.terminate()


@pytest_asyncio.fixture
async def pool(behind: asyncpg.Pool) -> AsyncIterator[Pool]:
    made = Pool(behind, SIZE)
    yield made
    made.terminate()


async def _backend(pool: Pool) -> int:
    return int(await pool.fetchval("SELECT pg_backend_pid()"))


async def test_statements_one_after_the_other_share_a_connection(
    pool: Pool, behind: asyncpg.Pool
) -> None:
    assert {await _backend(pool) for _ in range(5)} == {await _backend(pool)}
    assert behind.get_size() == 1
    assert (await pool.fetchrow("SELECT $1::int AS n", 7))["n"] == 7
    assert [row["n"] for row in await pool.fetch("SELECT n FROM generate_series(1, 3) n")] == [
        *(1, 2, 3)
    ]
    assert await pool.execute("SELECT 1") == "SELECT 1"


async def test_no_more_connections_are_lent_than_there_are_and_who_came_first_is_served_first(
    pool: Pool, behind: asyncpg.Pool
) -> None:
    served: list[int] = []

    async def ask(number: int) -> None:
        await pool.fetchval("SELECT pg_sleep(0.01)")
        served.append(number)

    async with pool.acquire():
        await asyncio.gather(*(ask(number) for number in range(6)))
        assert behind.get_size() == SIZE
    assert served == [*range(6)]


async def test_who_gives_up_waiting_takes_nothing_along(pool: Pool) -> None:
    async with pool.acquire(), pool.acquire():
        impatient = [asyncio.create_task(_backend(pool)) for _ in range(3)]
        patient = asyncio.create_task(_backend(pool))
        await asyncio.sleep(0)
        for task in impatient:
            task.cancel()
    assert await patient
    assert all(task.cancelled() for task in await _ended(impatient))
    async with pool.acquire(), pool.acquire():
        pass


async def test_who_is_cancelled_when_the_turn_has_come_passes_it_on(pool: Pool) -> None:
    async with pool.acquire():
        loan = pool.acquire()
        await loan.__aenter__()
        waiting = [asyncio.create_task(_backend(pool)) for _ in range(2)]
        await asyncio.sleep(0)
        await loan.__aexit__(None, None, None)  # wakes the first, which is cancelled meanwhile
        waiting[0].cancel()
        assert await waiting[1]
        assert (await _ended(waiting[:1]))[0].cancelled()


async def test_a_broken_off_statement_leaves_a_usable_connection(
    pool: Pool, behind: asyncpg.Pool
) -> None:
    async with pool.acquire():  # of the two only one is left
        for _ in range(3):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.02):
                    await pool.fetchval("SELECT pg_sleep(30)")
            assert await pool.fetchval("SELECT 1") == 1
    assert behind.get_size() <= SIZE


async def test_what_a_block_left_open_is_rolled_back(pool: Pool, behind: asyncpg.Pool) -> None:
    async with pool.acquire() as connection:
        await connection.execute("BEGIN")
    with suppress(asyncpg.DivisionByZeroError):
        async with pool.acquire() as connection:
            await connection.execute("BEGIN")
            await connection.fetchval("SELECT 1 / 0")
    async with pool.acquire() as one, pool.acquire() as other:
        assert not one.is_in_transaction()
        assert not other.is_in_transaction()


async def test_a_failed_statement_fails_its_caller_only(pool: Pool) -> None:
    async with pool.acquire():
        with pytest.raises(asyncpg.DivisionByZeroError):
            await pool.fetchval("SELECT 1 / 0")
        assert await pool.fetchval("SELECT 1") == 1


async def test_connections_that_the_server_ended_are_replaced(
    pool: Pool, postgres_url: str
) -> None:
    async with pool.acquire() as one, pool.acquire() as other:
        ended = [one.get_server_pid(), other.get_server_pid()]
        closed = [asyncio.Event(), asyncio.Event()]
        for connection, event in zip((one, other), closed, strict=True):
            connection.add_termination_listener(lambda _, event=event: event.set())
    admin = await asyncpg.connect(postgres_url)
    await admin.fetch("SELECT pg_terminate_backend(pid) FROM unnest($1::int[]) AS pid", ended)
    await admin.close()
    await asyncio.gather(*(event.wait() for event in closed))
    async with pool.acquire() as one, pool.acquire() as other:
        assert await one.fetchval("SELECT 1") == await other.fetchval("SELECT 1") == 1
        assert {one.get_server_pid(), other.get_server_pid()}.isdisjoint(ended)


async def test_a_server_that_is_away_costs_no_place(pool: Pool) -> None:
    nowhere = Pool(
        await asyncpg.create_pool("postgresql://127.0.0.1:1/x", min_size=0, max_size=1), 1
    )
    for _ in range(3):
        with pytest.raises(ConnectionRefusedError):
            await nowhere.fetchval("SELECT 1")
    nowhere.terminate()


async def test_connections_set_aside_go_back_after_a_while(
    pool: Pool, behind: asyncpg.Pool
) -> None:
    backend = await _backend(pool)
    assert behind.get_idle_size() == 0
    pool.rest()
    await until(lambda: behind.get_idle_size() == 1)
    assert await _backend(pool) == backend


async def test_closing_waits_for_what_is_lent(pool: Pool, behind: asyncpg.Pool) -> None:
    await _backend(pool)
    async with pool.acquire() as connection:
        closing = asyncio.create_task(pool.close())
        await until(behind.is_closing)
        assert await connection.fetchval("SELECT 1") == 1
        assert not closing.done()
    await closing
    assert behind.get_size() == 0
    with pytest.raises(asyncpg.InterfaceError):
        await pool.fetchval("SELECT 1")


async def _ended(tasks: list[asyncio.Task[int]]) -> list[asyncio.Task[int]]:
    await asyncio.wait(tasks)
    return tasks
