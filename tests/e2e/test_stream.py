"""Event streams through the edge: whoever comes back gets exactly what is missing."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.cli.app_client import AppClient, Submitted
from tests.e2e.world import EVENTS, Watch, World, read, submit, to_end
from tests.wait import until

pytestmark = pytest.mark.stack


@pytest.fixture(scope="module")
async def finished(alice: AppClient) -> tuple[Submitted, Watch]:
    """A job that has ended, and what was published of it."""
    job = await submit(alice)
    watch = await to_end(alice, job)
    assert len(watch.events) == EVENTS
    return job, watch


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(cuts=st.lists(st.integers(1, EVENTS), max_size=8))
async def test_any_disconnects_lose_and_repeat_nothing(
    alice: AppClient, finished: tuple[Submitted, Watch], cuts: list[int]
) -> None:
    job, published = finished
    watch = Watch()
    for count in cuts:
        if watch.saw("done"):
            break
        await read(alice, job, watch, at_most=count)
    await to_end(alice, job, watch)
    assert watch.events == published.events


@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(cuts=st.lists(st.integers(1, 3), min_size=1, max_size=8))
async def test_disconnects_while_it_runs_lose_and_repeat_nothing(
    alice: AppClient, cuts: list[int]
) -> None:
    job = await submit(alice)
    patient = asyncio.create_task(to_end(alice, job))
    watch = Watch()
    for count in cuts:
        if watch.saw("done"):
            break
        await read(alice, job, watch, at_most=count)
    await to_end(alice, job, watch)
    assert watch.events == (await patient).events
    assert len(watch.events) == EVENTS


@pytest.mark.parametrize("place", range(EVENTS - 1))
async def test_replay_after_each_event(
    alice: AppClient, finished: tuple[Submitted, Watch], place: int
) -> None:
    job, published = finished
    watch = Watch(events=[published.events[place]])
    await to_end(alice, job, watch)
    assert watch.events == published.events[place:]


@pytest.mark.parametrize(
    "garbage",
    [
        "x",
        "-1",
        "1-",
        "99999999999999999999999999-1",
        "9" * 4000,
        "1-1-1",
        "recovery:",
        "recovery:-3",
        "recovery:zz",
        "0-0; DROP",
        "../../etc",
        "18446744073709551615-18446744073709551615",
        "%00",
        "१-१",
    ],
)
async def test_last_event_id_that_is_garbage_replays_everything(
    world: World, http: httpx.AsyncClient, finished: tuple[Submitted, Watch], garbage: str
) -> None:
    job, published = finished
    answer = await http.get(
        job.stream_url,
        headers=[
            (b"authorization", f"Bearer {await world.token('alice')}".encode()),
            (b"last-event-id", garbage.encode()),
        ],
    )
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/event-stream")
    ids = [
        line.removeprefix("id:").strip()
        for line in answer.text.splitlines()
        if line.startswith("id:")
    ]
    assert ids == published.ids


async def test_frames_and_headers_are_as_the_contract_says(
    world: World, http: httpx.AsyncClient, finished: tuple[Submitted, Watch]
) -> None:
    job, _ = finished
    answer = await http.get(
        job.stream_url,
        headers={
            "authorization": f"Bearer {await world.token('alice')}",
            "origin": "https://localhost:5173",
        },
    )
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.headers["x-accel-buffering"] == "no"
    assert answer.headers["access-control-allow-origin"] == "https://localhost:5173"
    assert answer.headers["access-control-allow-credentials"] == "true"
    frames = answer.text.split("\r\n\r\n")
    assert frames[0].startswith("retry:")
    assert "\r\nevent: vision\r\n" in answer.text
    assert frames[-1] == "", "the last frame is complete"


async def test_silence_is_filled_with_named_keepalives(world: World, alice: AppClient) -> None:
    with world.model.script(hang=1.0) as script:
        job = await submit(alice, script.word)
        names = []
        async with asyncio.timeout(30), aclosing(alice.events(job.stream_url)) as events:
            async for event in events:
                names.append(event.name)
                if event.name == "keepalive":
                    assert list(event.data) == ["timestamp"]
                    assert event.id == ""
                    if "vision" in names:
                        break
        assert [name for name in names if name != "keepalive"] == ["queued", "vision"]
        script.set(hang=0.0)
        assert (await to_end(alice, job)).last.name == "done"


async def test_client_that_disconnects_mid_stream_leaves_nothing_behind(
    world: World, alice: AppClient
) -> None:
    async def none() -> bool:
        return await world.streams_open() == 0

    await until(none, within_seconds=20, what="the streams of other tests to be closed")
    with world.model.script(hang=1.0) as script:
        job = await submit(alice, script.word)
        streams = [alice.events(job.stream_url) for _ in range(10)]
        await asyncio.gather(*(anext(stream) for stream in streams))
        assert await world.streams_open() == 10
        await asyncio.gather(*(stream.aclose() for stream in streams))
        await until(none, within_seconds=20, what="the streams to be closed")
        script.set(hang=0.0)
        assert (await to_end(alice, job)).last.name == "done"
