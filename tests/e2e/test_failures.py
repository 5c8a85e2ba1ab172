"""A job that was accepted ends, and says how, whatever fails on its way."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from redis.asyncio import Redis

from services.cli.app_client import AppClient, Submitted
from services.runtime.ports import HOST
from tests.e2e.world import (
    JOB_SECONDS,
    RESTART_SECONDS,
    Watch,
    World,
    photo,
    read,
    result,
    submit,
    to_end,
)
from tests.stack_database import database_of
from tests.wait import until

pytestmark = pytest.mark.stack

DOOMED_SECONDS = 35.0


@asynccontextmanager
async def redis_of(world: World) -> AsyncIterator[Redis]:
    """A connection to the stack's Redis."""
    client = Redis(host=HOST, port=world.stack.port("redis"))
    try:
        yield client
    finally:
        await client.aclose()


@pytest.fixture(scope="module")
async def doomed(world: World, alice: AppClient) -> AsyncIterator[Submitted]:
    """A job whose model never answers, with a deadline that comes while the other tests run."""
    with world.model.script(hang=1.0) as script:
        job = await submit(alice, script.word)
        async with database_of(world.stack) as database:
            await database.execute(
                "UPDATE scan.jobs SET deadline_at = created_at + $2::interval WHERE job_id = $1",
                job.job_id,
                timedelta(seconds=DOOMED_SECONDS),
            )
        yield job


def assert_failed(watch: Watch) -> str:
    """The job's stream ended with a failure; its text for the user."""
    assert watch.last.name == "error"
    assert watch.last.data["status"] == "failed"
    assert watch.last.data["job_id"]
    text = watch.last.data["result"]["error"]
    assert any("가" <= letter <= "힣" for letter in text)
    assert watch.last.data["message"] == text
    numbers = [event.data["seq"] for event in watch.events]
    assert numbers == sorted(set(numbers))
    return str(text)


async def assert_result_failed(app: AppClient, job: Submitted, text: str) -> None:
    document = await result(app, job)
    assert document["status"] == "failed"
    assert document["pipeline_result"] is None
    assert document["reward"] is None
    assert document["error"] == text


async def test_model_that_talks_nonsense_fails_the_job(
    world: World, alice: AppClient, doomed: object
) -> None:
    with world.model.script(nonsense=1.0) as script:
        job = await submit(alice, script.word)
        watch = await to_end(alice, job)
    text = assert_failed(watch)
    await assert_result_failed(alice, job, text)
    assert 1 < script.calls["vision"] <= 4, "calls are paid for"


async def test_model_that_refuses_fails_the_job(world: World, alice: AppClient) -> None:
    with world.model.script(refused=1.0) as script:
        job = await submit(alice, script.word)
        watch = await to_end(alice, job)
    await assert_result_failed(alice, job, assert_failed(watch))


async def test_model_that_answers_late_is_asked_again(world: World, alice: AppClient) -> None:
    with world.model.script(hang=1.0) as script:
        job = await submit(alice, script.word)
        await until(lambda: script.calls["vision"], what="the first call")
        script.set(hang=0.0)
        watch = await to_end(alice, job)
    assert watch.last.name == "done"
    assert (await result(alice, job))["status"] == "completed"


async def test_model_with_errors_and_quota_completes_the_job(
    world: World, alice: AppClient
) -> None:
    with world.model.script(errors=0.15, rate_limited=0.3, retry_after=0.2) as script:
        jobs = [await submit(alice, script.word) for _ in range(4)]
        ends = await asyncio.gather(*(to_end(alice, job) for job in jobs))
    assert [watch.last.name for watch in ends] == ["done"] * 4


async def test_model_down_for_a_while_completes_every_job(world: World, alice: AppClient) -> None:
    with world.model.script() as script:
        script.down_until = time.monotonic() + 3
        jobs = [await submit(alice, script.word) for _ in range(8)]
        ends = await asyncio.gather(*(to_end(alice, job) for job in jobs))
    assert script.calls["refused"] > 0
    assert [watch.last.name for watch in ends] == ["done"] * 8
    for watch in ends:
        assert len(watch.events) == 10, watch.steps()


async def test_broker_down_at_submit_still_accepts(world: World, alice: AppClient) -> None:
    url = await photo(alice)
    old = world.stack.pid("kafka")
    world.stack.kill("kafka")
    began = time.monotonic()
    jobs = [await alice.submit(url, f"{n}") for n in range(3)]
    assert time.monotonic() - began < 20, "nobody waits for the broker"
    first = await read(alice, jobs[0], Watch(), at_most=1)
    assert first.steps() == [("queued", "started")], "progress does not need the broker"
    await world.revived("kafka", old)
    left = JOB_SECONDS - RESTART_SECONDS
    ends = await asyncio.gather(*(to_end(alice, job, within_seconds=left) for job in jobs))
    assert [watch.last.name for watch in ends] == ["done"] * 3


async def test_redis_emptied_mid_job(world: World, alice: AppClient) -> None:
    with world.model.script(hang=1.0) as script:
        job = await submit(alice, script.word)
        watching = asyncio.create_task(to_end(alice, job))
        left = await read(alice, job, Watch(), at_most=2)
        await until(lambda: script.calls["vision"], what="the model to be asked")
        async with redis_of(world) as redis:
            await redis.flushall()
        script.set(hang=0.0)
        back = await to_end(alice, job, left)
        assert back.last.name == "done"
        assert (await watching).last.name == "done"
    document = await result(alice, job)
    assert document["status"] == "completed"
    assert back.last.data["result"] == document
    again = await submit(alice)
    assert len((await to_end(alice, again)).events) == 10, "the next job is as ever"


async def test_redis_emptied_after_the_job(world: World, alice: AppClient) -> None:
    job = await submit(alice)
    whole = await to_end(alice, job)
    async with redis_of(world) as redis:
        await redis.flushall()
    document = await result(alice, job)
    assert document["status"] == "completed"
    for watch in (Watch(), Watch(events=whole.events[:4])):
        assert (await to_end(alice, job, watch)).last.name == "done"
        assert watch.last.data["result"] == document


async def test_redis_restarted_mid_stream_loses_and_repeats_nothing(
    world: World, alice: AppClient
) -> None:
    with world.model.script(hang=1.0) as script:
        job = await submit(alice, script.word)
        watching = asyncio.create_task(to_end(alice, job))
        await until(lambda: script.calls["vision"], what="the model to be asked")
        old = world.stack.kill("redis")
        await world.revived("redis", old)
        script.set(hang=0.0)
        watch = await watching
    assert watch.last.name == "done"
    assert len(set(watch.ids)) == len(watch.ids)
    assert len(watch.events) == 10, watch.steps()


async def test_database_killed_mid_job(world: World, alice: AppClient) -> None:
    with world.model.script(hang=1.0) as script:
        job = await submit(alice, script.word)
        await until(lambda: script.calls["vision"], what="the model to be asked")
        old = world.stack.kill("postgres")
        script.set(hang=0.0)
        await world.revived("postgres", old)
        watch = await to_end(alice, job)
    assert watch.last.name == "done"
    assert (await result(alice, job))["status"] == "completed"


async def test_model_that_never_answers_ends_at_the_deadline(
    alice: AppClient, doomed: Submitted
) -> None:
    watch = await to_end(alice, doomed, within_seconds=DOOMED_SECONDS + 30)
    await assert_result_failed(alice, doomed, assert_failed(watch))
