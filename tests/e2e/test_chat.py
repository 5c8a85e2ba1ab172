"""Chats through the edge: cut streams, kills and freezes, and messages nobody would expect."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import httpx
import pytest

from services.cli.app_client import AppClient, ServerEvent, Submitted
from tests.bench.simulated_chat import whole
from tests.e2e.chat_screen import Screen, assert_one_pair, new_chat, say, text_begins
from tests.e2e.refusals import assert_refused
from tests.e2e.world import ORIGIN, Watch, World, read, to_end
from tests.wait import until

pytestmark = pytest.mark.stack


@pytest.fixture
async def app(world: World) -> AsyncIterator[AppClient]:
    """A user of the test's own, for the limits of messages and of streams are one a user."""
    async with await world.user() as app:
        yield app


# streams that are cut


async def test_a_client_that_reconnects_at_every_event_has_the_whole_text(
    world: World, app: AppClient
) -> None:
    with world.model.script(intent="general", reply_tokens=40, tokens_per_second=30.0) as script:
        turn = await say(app, f"긴 이야기를 해 줘 {script.word}")
        watch = Watch()
        async with asyncio.timeout(30):
            while not watch.events or watch.last.name not in ("done", "error"):
                await read(app, turn, watch, at_most=1)
    await assert_one_pair(app, turn, watch)


CUTS = range(1, 9000, 310)
"""Bytes after which a stream is cut: within every event of a turn, and between some."""


async def cut_after(
    http: httpx.AsyncClient, token: str, turn: Submitted, size: int
) -> list[ServerEvent]:
    """The events a browser has of the first so many bytes of a stream."""
    got = b""
    headers = {"authorization": f"Bearer {token}"}
    async with http.stream("GET", turn.stream_url, headers=headers) as stream:
        assert stream.status_code == 200
        async for piece in stream.aiter_bytes():
            got += piece
            if len(got) >= size:
                break
    *frames, _ = got[:size].split(b"\r\n\r\n")
    events = []
    for frame in frames:
        lines = (line.partition(": ") for line in frame.decode().split("\r\n"))
        fields = {name.rstrip(":"): value for name, _, value in lines}
        if "id" in fields:
            events.append(ServerEvent(fields["id"], fields["event"], json.loads(fields["data"])))
    return events


async def test_a_stream_cut_at_any_byte_loses_and_doubles_nothing(
    world: World, http: httpx.AsyncClient
) -> None:
    token = await world.token("cut")
    async with AppClient(world.stack.base_url, token) as app:
        with world.model.script(
            intent="general", reply_tokens=45, tokens_per_second=30.0
        ) as script:
            turn = await say(app, f"긴 이야기를 해 줘 {script.word}")

            async def cut(size: int) -> Watch:
                watch = Watch(events=await cut_after(http, token, turn, size))
                return await to_end(app, turn, watch)

            watches = await asyncio.gather(*map(cut, CUTS))
    for size, watch in zip(CUTS, watches, strict=True):
        screen = Screen().see(watch.events)
        assert screen.text.strip() == watch.last.data["result"]["answer"], f"after {size} bytes"
        assert screen.seqs == sorted(set(screen.seqs))
        assert len(set(watch.ids)) == len(watch.ids)


async def test_a_client_that_leaves_for_good_finds_the_answer_later(
    world: World, app: AppClient
) -> None:
    with world.model.script(intent="general", reply_tokens=45, tokens_per_second=4.0) as script:
        turn = await say(app, f"긴 이야기를 해 줘 {script.word}")
        await text_begins(app, turn)
        script.set(tokens_per_second=60.0)

        async def answered() -> bool:
            messages = (await app.get(turn.result_url))["messages"]
            return bool(messages[-1]["role"] == "assistant")

        await until(answered, within_seconds=20, every_seconds=0.1, what="the stored answer")
    await to_end(app, turn)


# workers that die and freeze


async def test_worker_killed_in_the_middle_of_an_answer(world: World, app: AppClient) -> None:
    with world.model.script(intent="general", reply_tokens=90, tokens_per_second=4.0) as script:
        turn = await say(app, f"천천히 설명해 줘 {script.word}")
        watch = await text_begins(app, turn)
        watching = asyncio.create_task(to_end(app, turn, watch, within_seconds=45))
        old = world.stack.kill("workers")
        script.set(tokens_per_second=60.0)
        watch = await watching
        await world.revived("workers", old)
    recovered = [event for event in watch.events if event.name == "token_recovery"]
    assert len(recovered) == 1, watch.steps()
    assert watch.last.data["result"]["answer"] == whole(90)
    await assert_one_pair(app, turn, watch)


async def test_a_worker_that_was_frozen_never_interleaves_with_its_successor(
    world: World, app: AppClient
) -> None:
    # 75 s of text: the other worker is there long before its end, on a busy machine as well
    with world.model.script(intent="general", reply_tokens=150, tokens_per_second=2.0) as script:
        turn = await say(app, f"하나씩 알려 줘 {script.word}")
        watch = await text_begins(app, turn)
        watching = asyncio.create_task(to_end(app, turn, watch, within_seconds=60))
        async with world.another_worker("chat"):
            with world.stack.frozen("workers"):
                script.set(tokens_per_second=30.0)
                await until(
                    lambda: any(event.name == "token_recovery" for event in watch.events),
                    within_seconds=40,
                    what="the successor's text",
                )
            # it is back while the successor speaks
            await watching
    assert [event.name for event in watch.events].count("token_recovery") == 1
    assert watch.last.data["result"]["answer"] == whole(150)
    await assert_one_pair(app, turn, watch)


# what users do


async def test_deleting_a_chat_ends_its_stream(
    world: World, alice: AppClient, http: httpx.AsyncClient
) -> None:
    with world.model.script(intent="general", reply_tokens=600, tokens_per_second=30.0) as script:
        turn = await say(alice, f"아주 긴 답을 해 줘 {script.word}")
        watch = await text_begins(alice, turn)
        token = await world.token("alice")
        answer = await http.delete(turn.result_url, headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == 204
        await to_end(alice, turn, watch)
        assert watch.last.name == "error"
        assert watch.last.data["message"]


async def test_two_messages_at_once_in_one_chat_are_answered_one_after_the_other(
    world: World, app: AppClient
) -> None:
    chat_id = await new_chat(app)
    with world.model.script(intent="general", reply_tokens=10) as script:
        turns = await asyncio.gather(
            *(say(app, f"{n}번 질문 {script.word}", chat_id) for n in range(2))
        )
        watches = await asyncio.gather(*(to_end(app, turn) for turn in turns))
    messages = (await app.get(turns[0].result_url))["messages"]
    assert [message["role"] for message in messages].count("assistant") == 2
    for watch in watches:
        assert watch.last.name == "done"
        assert Screen().see(watch.events).text.strip() == watch.last.data["result"]["answer"]
    first, second = sorted(watches, key=lambda watch: watch.ids[-1])
    begun = next(event for event in second.events if event.name == "intent")
    assert first.ids[-1] < begun.id


@pytest.mark.parametrize("message", ["♻️🥤❓", "?", "가" * 4000])
async def test_a_message_of_few_words_or_many_is_answered(app: AppClient, message: str) -> None:
    turn = await say(app, message)
    watch = await to_end(app, turn)
    assert watch.last.name == "done"
    messages = (await app.get(turn.result_url))["messages"]
    assert (messages[0]["content"], messages[1]["role"]) == (message, "assistant")


@pytest.mark.parametrize(
    ("document", "status", "reason"),
    [
        ({}, 400, "MESSAGE_REQUIRED"),
        ({"message": " \n\u3000"}, 400, "MESSAGE_REQUIRED"),
        ({"message": "가" * 20_000}, 422, "VALIDATION_FAILED"),
        ({"message": "?", "image_url": "https://evil.example/a.jpg"}, 400, "IMAGE_URL_NOT_ALLOWED"),
        ({"message": "?", "image_url": "http://169.254.169.254/"}, 400, "IMAGE_URL_NOT_ALLOWED"),
        ({"message": "?", "model": "gpt-1"}, 400, "UNSUPPORTED_MODEL"),
        ({"message": "?", "user_location": {"latitude": 91}}, 422, "VALIDATION_FAILED"),
    ],
)
async def test_a_message_that_cannot_be_one_is_refused_and_not_stored(
    world: World, http: httpx.AsyncClient, document: dict[str, object], status: int, reason: str
) -> None:
    headers = {"authorization": f"Bearer {await world.token('refused')}", "origin": ORIGIN}
    made = await http.post("/api/v1/chat", headers=headers)
    path = f"/api/v1/chat/{made.json()['id']}"
    answer = await http.post(f"{path}/messages", json=document, headers=headers)
    assert_refused(answer, status, reason)
    assert (await http.get(path, headers=headers)).json()["messages"] == []


async def test_a_chat_of_another_user_looks_like_none(
    world: World, alice: AppClient, http: httpx.AsyncClient
) -> None:
    turn = await say(alice, "안녕?")
    await to_end(alice, turn)
    headers = {"authorization": f"Bearer {await world.token('bob')}", "origin": ORIGIN}
    for method, path, body in (
        ("GET", turn.result_url, None),
        ("POST", f"{turn.result_url}/messages", {"message": "안녕?"}),
        ("PATCH", turn.result_url, {"title": "내 것"}),
        ("DELETE", turn.result_url, None),
    ):
        answer = await http.request(method, path, json=body, headers=headers)
        assert_refused(answer, 404, "CHAT_NOT_FOUND")
    for method, path in (("GET", turn.stream_url), ("POST", f"/api/v1/chat/{turn.job_id}/input")):
        answer = await http.request(
            method, path, json={"type": "cancel"} if method == "POST" else None, headers=headers
        )
        assert_refused(answer, 404, "JOB_NOT_FOUND")
    assert len((await alice.get(turn.result_url))["messages"]) == 2
