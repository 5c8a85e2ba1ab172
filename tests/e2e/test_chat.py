"""Chats through the edge: the stream of a turn, and what kills and freezes leave of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx
import pytest

from mesh.local.parts import python
from services.cli.app_client import AppClient, ServerEvent, Submitted
from services.runtime.ports import env_name
from tests.bench.simulated_chat import whole
from tests.e2e.world import Watch, World, read, to_end
from tests.integration.progress.bridge import free_port
from tests.wait import until

pytestmark = pytest.mark.stack


@dataclass
class Screen:
    """The chat screen of the app: appends tokens, replaces by snapshots."""

    text: str = ""
    seqs: list[int] = field(default_factory=list)

    def see(self, events: list[ServerEvent]) -> Screen:
        for event in events:
            if event.name == "token":
                self.text += event.data["content"]
                self.seqs.append(event.data["seq"])
            elif event.name == "token_recovery":
                assert event.data["completed"] is False
                self.text = event.data["accumulated"]
                self.seqs.append(event.data["last_seq"])
        return self


async def say(app: AppClient, message: str, chat_id: str = "") -> tuple[str, Submitted]:
    """Send a message; the chat and the turn."""
    if not chat_id:
        chat_id = (await app.post("/api/v1/chat", {}))["id"]
    answer = await app.post(f"/api/v1/chat/{chat_id}/messages", {"message": message})
    return chat_id, Submitted(answer["job_id"], answer["stream_url"], "")


async def assert_one_pair(app: AppClient, chat_id: str, watch: Watch) -> None:
    """One message of each side is stored, and it is what `done` carried and the screen shows."""
    messages = (await app.get(f"/api/v1/chat/{chat_id}"))["messages"]
    assert [message["role"] for message in messages] == ["user", "assistant"]
    result = watch.last.data["result"]
    assert watch.last.name == "done"
    assert messages[1]["content"] == result["answer"]
    assert Screen().see(watch.events).text.strip() == result["answer"]


async def text_begins(app: AppClient, turn: Submitted) -> Watch:
    """Watch a turn until some text is on the screen."""
    watch = Watch()
    async with asyncio.timeout(20):
        while len(Screen().see(watch.events).seqs) < 3:
            await read(app, turn, watch, at_most=1)
    return watch


async def test_a_turn_streams_as_the_contract_says(world: World, alice: AppClient) -> None:
    world.model.set(intent="general", reply_tokens=20, tokens_per_second=60.0)
    chat_id, turn = await say(alice, "안녕, 이코!")
    watch = await to_end(alice, turn)
    names = list(dict.fromkeys(event.name for event in watch.events))
    assert names[:2] == ["queued", "intent"]
    assert names[-3:] == ["token", "eval", "done"] or names[-2:] == ["eval", "done"]
    assert watch.last.data["seq"] == 181
    screen = Screen().see(watch.events)
    assert screen.seqs == sorted(set(screen.seqs))
    assert screen.seqs[0] >= 1001
    assert watch.last.data["result"]["answer"] == whole(20)
    assert watch.last.data["result"]["intent"] == "general"
    await assert_one_pair(alice, chat_id, watch)


async def test_a_client_that_reconnects_at_every_event_has_the_whole_text(
    world: World, alice: AppClient
) -> None:
    world.model.set(intent="general", reply_tokens=40, tokens_per_second=30.0)
    chat_id, turn = await say(alice, "긴 이야기를 해 줘")
    watch = Watch()
    async with asyncio.timeout(30):
        while not watch.events or watch.last.name not in ("done", "error"):
            await read(alice, turn, watch, at_most=1)
    await assert_one_pair(alice, chat_id, watch)


async def test_worker_killed_in_the_middle_of_an_answer(world: World, alice: AppClient) -> None:
    world.model.set(intent="general", reply_tokens=90, tokens_per_second=30.0)
    chat_id, turn = await say(alice, "천천히 설명해 줘")
    watch = await text_begins(alice, turn)
    watching = asyncio.create_task(to_end(alice, turn, watch, within_seconds=45))
    old = world.stack.kill("workers")
    watch = await watching
    await world.revived("workers", old)
    recovered = [event for event in watch.events if event.name == "token_recovery"]
    assert len(recovered) == 1, watch.steps()
    assert watch.last.data["result"]["answer"] == whole(90)
    await assert_one_pair(alice, chat_id, watch)


@asynccontextmanager
async def second_worker(world: World) -> AsyncIterator[None]:
    """Another process that answers turns."""
    stack = world.stack
    process = await asyncio.create_subprocess_exec(
        *python.command(stack.paths, "work", "chat"),
        env={
            **stack.environ,
            **python.variables(stack.paths),
            env_name("metrics_work"): str(free_port()),
        },
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        process.terminate()
        await asyncio.wait_for(process.wait(), 20)


async def test_a_worker_that_was_frozen_never_interleaves_with_its_successor(
    world: World, alice: AppClient
) -> None:
    world.model.set(intent="general", reply_tokens=150, tokens_per_second=30.0)
    chat_id, turn = await say(alice, "하나씩 알려 줘")
    watch = await text_begins(alice, turn)
    watching = asyncio.create_task(to_end(alice, turn, watch, within_seconds=60))
    async with second_worker(world):
        with world.stack.frozen("workers"):
            await until(
                lambda: any(event.name == "token_recovery" for event in watch.events),
                within_seconds=40,
                what="the successor's text",
            )
        # it is back while the successor speaks
        await watching
    assert [event.name for event in watch.events].count("token_recovery") == 1
    assert watch.last.data["result"]["answer"] == whole(150)
    await assert_one_pair(alice, chat_id, watch)


async def test_deleting_a_chat_ends_its_stream(
    world: World, alice: AppClient, http: httpx.AsyncClient
) -> None:
    world.model.set(intent="general", reply_tokens=600, tokens_per_second=30.0)
    chat_id, turn = await say(alice, "아주 긴 답을 해 줘")
    watch = await text_begins(alice, turn)
    token = await world.token("alice")
    answer = await http.delete(
        f"/api/v1/chat/{chat_id}", headers={"Authorization": f"Bearer {token}"}
    )
    assert answer.status_code == 204
    await to_end(alice, turn, watch)
    assert watch.last.name == "error"
    assert watch.last.data["message"]
