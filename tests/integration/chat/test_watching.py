"""Watching turns as the app does: whose they are and how they end, whatever Redis still knows."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from edge.progress.app import build as build_progress
from edge.progress.settings import ProgressSettings
from services.runtime.http_server import HttpServer
from streaming.progress.erasure import erase_jobs
from streaming.progress.event import ProgressEvent
from streaming.progress.publisher import ProgressPublisher
from tests.integration.chat.conftest import World, new_user
from tests.integration.progress.bridge import Client
from tests.integration.progress.scans import reason_of
from tests.ports import free_port

pytestmark = pytest.mark.parts


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def bridge(world: World) -> AsyncIterator[int]:
    """Port of an SSE bridge beside the chat service; no scan service answers it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ECO2_PROGRESS_JOB_POLL_SECONDS", "0.1")
        component = await build_progress(world.context)
    (http,) = component.http
    server = HttpServer(http.app, "127.0.0.1", port := free_port(), ProgressSettings())
    tasks = [asyncio.create_task(work.run()) for work in component.background]
    await server.start()
    yield port
    assert component.drain is not None
    await component.drain(0)
    await server.stop(0)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def watch(bridge: int, user: str, job_id: str, **how: Any) -> Client:
    path = f"/api/v1/chat/{job_id}/events{how.pop('query', '')}"
    return await Client.get(bridge, path, user=user, **how)


@pytest.fixture
async def turn(world: World) -> tuple[str, str, str]:
    """A user, a chat and a turn in it."""
    user = new_user()
    chat_id = await world.new_chat(user)
    return user, chat_id, await world.send(user, chat_id)


async def lose(world: World, job_id: str) -> None:
    """Make Redis forget a job."""
    await erase_jobs(world.redis, {job_id: False})


async def test_first_event_is_there_at_once(bridge: int, turn: tuple[str, str, str]) -> None:
    user, _, job_id = turn
    client = await watch(bridge, user, job_id)
    queued = await client.event()
    assert queued is not None
    assert (queued.event, queued.data["status"], queued.data["progress"]) == (
        "queued",
        "started",
        0,
    )
    client.close()


async def test_answer_reaches_a_watcher_and_one_who_comes_when_redis_has_forgotten(
    world: World, bridge: int, turn: tuple[str, str, str]
) -> None:
    user, chat_id, job_id = turn
    client = await watch(bridge, user, job_id)
    stored = await world.append(job_id, "헹궈요")
    done = ProgressEvent(
        job_id=job_id, domain="chat", stage="done", status="completed", result=stored.result_json
    )
    await ProgressPublisher(world.redis).publish(done)
    live = (await client.rest())[-1]
    await lose(world, job_id)
    (late,) = await (await watch(bridge, user, job_id, query="?last_token_seq=1004")).rest()
    for frame in (live, late):
        assert (frame.event, frame.data["status"]) == ("done", "completed")
        assert (frame.data["seq"], frame.data["progress"]) == (181, 100)
        assert frame.data["result"] == json.loads(stored.result_json)
    shown = (await world.read(user, chat_id)).messages[-1]
    assert shown.content == late.data["result"]["answer"]


async def test_watcher_learns_that_the_chat_was_deleted(
    world: World, bridge: int, turn: tuple[str, str, str]
) -> None:
    user, chat_id, job_id = turn
    client = await watch(bridge, user, job_id)
    await world.delete(user, chat_id)
    error = (await client.rest())[-1]
    assert (error.event, error.data["stage"], error.data["status"]) == ("error", "done", "failed")
    assert error.data["message"] == error.data["result"]["error"] == "삭제된 대화입니다."
    await lose(world, job_id)
    (late,) = await (await watch(bridge, user, job_id)).rest()
    assert (late.event, late.data["message"]) == ("error", "삭제된 대화입니다.")


async def test_failure_names_its_reason_in_korean(
    world: World, bridge: int, turn: tuple[str, str, str]
) -> None:
    user, _, job_id = turn
    await world.fail(job_id, "MODEL_UNAVAILABLE")
    await lose(world, job_id)
    (error,) = await (await watch(bridge, user, job_id)).rest()
    assert (error.event, error.data["message"][:5]) == ("error", "AI 모델")


async def test_somebody_elses_turn_and_no_turn_at_all_are_404(
    world: World, bridge: int, turn: tuple[str, str, str]
) -> None:
    user, _, job_id = turn
    for forgotten in (False, True):
        if forgotten:
            await lose(world, job_id)
        refused = await watch(bridge, new_user(), job_id)
        assert (refused.status, reason_of(refused)) == (404, "JOB_NOT_FOUND")
    unknown = await watch(bridge, user, str(uuid.uuid4()))
    assert (unknown.status, reason_of(unknown)) == (404, "JOB_NOT_FOUND")


async def test_waiting_turn_stays_open_when_redis_forgets_and_ends_with_its_answer(
    world: World, bridge: int, turn: tuple[str, str, str]
) -> None:
    user, _, job_id = turn
    await world.park(job_id, wait_seconds=3600)
    await lose(world, job_id)
    client = await watch(bridge, user, job_id)
    assert client.status == 200
    await world.input(user, job_id, "cancel")
    await world.append(job_id, "위치 없이 답할게요")
    (done,) = await client.rest()  # although the scan service, which is asked first, is away
    assert (done.event, done.data["result"]["answer"]) == ("done", "위치 없이 답할게요")
