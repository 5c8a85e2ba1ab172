"""Chats from their making to their end, and everybody's own only."""

from __future__ import annotations

import uuid

import pytest
from eco2.chat.v1 import chat_service_pb2 as pb
from google.protobuf.json_format import MessageToDict

from tests.integration.backend import Refused
from tests.integration.chat.conftest import World, as_user, new_user

pytestmark = pytest.mark.parts


async def test_new_chat_is_empty_and_listed(world: World) -> None:
    user = new_user()
    call = world.chat.CreateChat(pb.CreateChatRequest(), metadata=as_user(user))
    created = await call
    assert dict(await call.initial_metadata())["x-http-status"] == "201"
    assert not created.HasField("title")
    (listed,) = (await world.chats(user)).chats
    assert (listed.id, listed.message_count) == (created.id, 0)
    assert not listed.HasField("preview")
    assert not listed.HasField("last_message_at")
    chat = await world.read(user, created.id)
    assert (list(chat.messages), chat.has_more, chat.HasField("next_cursor")) == ([], False, False)


async def test_rename_shows_everywhere(world: World) -> None:
    user = new_user()
    chat_id = await world.new_chat(user)
    call = world.chat.RenameChat(
        pb.RenameChatRequest(chat_id=chat_id, title="분리배출"), metadata=as_user(user)
    )
    await call
    assert dict(await call.initial_metadata())["x-http-status"] == "204"
    assert (await world.read(user, chat_id)).title == "분리배출"
    assert (await world.chats(user)).chats[0].title == "분리배출"


@pytest.mark.parametrize("title", ["", "   ", "\u200b\n", "가" * 201])
async def test_title_that_says_nothing_or_too_much_is_refused(world: World, title: str) -> None:
    user = new_user()
    chat_id = await world.new_chat(user, "처음")
    async with Refused("VALIDATION_FAILED"):
        await world.chat.RenameChat(
            pb.RenameChatRequest(chat_id=chat_id, title=title), metadata=as_user(user)
        )
    assert (await world.read(user, chat_id)).title == "처음"


async def test_somebody_elses_chat_does_not_exist(world: World) -> None:
    owner, other = new_user(), new_user()
    chat_id = await world.new_chat(owner)
    job_id = await world.send(owner, chat_id)
    await world.park(job_id)
    calls = [
        world.read(other, chat_id),
        world.send(other, chat_id),
        world.delete(other, chat_id),
        world.chat.RenameChat(
            pb.RenameChatRequest(chat_id=chat_id, title="내 것"), metadata=as_user(other)
        ),
    ]
    for call in calls:
        async with Refused("CHAT_NOT_FOUND"):
            await call
    async with Refused("JOB_NOT_FOUND"):
        await world.input(other, job_id, "cancel")
    assert list((await world.chats(other)).chats) == []


async def test_deleted_chat_does_not_exist_any_more(world: World) -> None:
    user = new_user()
    chat_id = await world.new_chat(user)
    assert await world.delete(user, chat_id) == "204"
    for call in (world.read(user, chat_id), world.send(user, chat_id), world.delete(user, chat_id)):
        async with Refused("CHAT_NOT_FOUND"):
            await call
    assert list((await world.chats(user)).chats) == []


async def test_chat_moves_to_the_front_when_a_message_is_accepted(world: World) -> None:
    user = new_user()
    first, second, third = [await world.new_chat(user) for _ in range(3)]
    assert [chat.id for chat in (await world.chats(user)).chats] == [third, second, first]
    await world.send(user, first)
    await world.send(user, second)
    assert [chat.id for chat in (await world.chats(user)).chats] == [second, first, third]
    await world.send(user, first)
    assert [chat.id for chat in (await world.chats(user, limit=1)).chats] == [first]


async def test_every_chat_is_listed_once_whatever_the_page_size(world: World) -> None:
    user = new_user()
    chats = [await world.new_chat(user) for _ in range(7)]
    for chat_id in chats[:4]:
        await world.send(user, chat_id)
    # chats that share the time of their last message, and some that share that of their making
    await world.pool.execute(
        "UPDATE chats SET last_message_at = date_trunc('hour', last_message_at),"
        " created_at = date_trunc('hour', created_at) WHERE user_id = $1", user,
    )  # fmt: skip
    whole = [chat.id for chat in (await world.chats(user)).chats]
    assert sorted(whole) == sorted(chats)
    assert set(whole[:4]) == set(chats[:4])
    for limit in (1, 2, 3, 4, 5, 7):
        found, cursor = [], None
        while True:
            page = await world.chats(user, limit=limit, cursor=cursor)
            found += [chat.id for chat in page.chats]
            if not page.HasField("next_cursor"):
                break
            assert len(page.chats) == limit
            cursor = page.next_cursor
        assert found == whole


async def test_cursor_is_the_callers_and_of_this_list(world: World) -> None:
    user, other = new_user(), new_user()
    for _ in range(2):
        await world.new_chat(user)
    chat_id = await world.new_chat(user)
    await world.send(user, chat_id)
    cursor = (await world.chats(user, limit=1)).next_cursor
    for call in (
        world.chats(other, cursor=cursor),
        world.chats(user, cursor=cursor[:-2] + "AA"),
        world.chats(user, cursor="2026-01-19T12:00:00Z"),
        world.read(user, chat_id, cursor=cursor),
    ):
        async with Refused("INVALID_CURSOR"):
            await call


async def test_newest_messages_come_first_and_ascend_inside(world: World) -> None:
    user = new_user()
    chat_id = await world.new_chat(user)
    texts = []
    for number in range(5):
        job_id = await world.send(user, chat_id, f"질문 {number}")
        await world.append(job_id, f"답 {number}")
        texts += [f"질문 {number}", f"답 {number}"]
    for limit in (1, 2, 3, 4, 9, 10, 11):
        pages, cursor = [], None
        while True:
            page = await world.read(user, chat_id, limit=limit, cursor=cursor)
            times = [message.created_at.ToNanoseconds() for message in page.messages]
            assert times == sorted(set(times))
            pages.append([message.content for message in page.messages])
            assert page.has_more == page.HasField("next_cursor")
            if not page.has_more:
                break
            assert len(page.messages) == limit
            cursor = page.next_cursor
        assert pages[0] == texts[-limit:]
        assert [text for page in reversed(pages) for text in page] == texts


async def test_message_is_kept_verbatim(world: World) -> None:
    user = new_user()
    chat_id = await world.new_chat(user)
    text = "  앞뒤 공백 🧴♻️\r\n둘째 줄\t\u202e끝  "
    await world.send(user, chat_id, text + "\0")
    (message,) = (await world.read(user, chat_id)).messages
    assert (message.content, message.role) == (text, "user")


async def test_unknown_chat_ids(world: World) -> None:
    async with Refused("CHAT_NOT_FOUND"):
        await world.read(new_user(), str(uuid.uuid4()))
    async with Refused("VALIDATION_FAILED"):
        await world.read(new_user(), "messages")


async def test_too_many_chats_a_minute_are_refused(world: World) -> None:
    user = new_user()
    for _ in range(60):
        await world.new_chat(user)
    async with Refused("RATE_LIMITED") as refusal:
        await world.new_chat(user)
    assert refusal.metadata["limit"] == "60"


async def test_json_has_no_empty_cursor_and_always_its_arrays(world: World) -> None:
    page = await world.chats(new_user())
    assert "next_cursor" not in MessageToDict(page, preserving_proto_field_name=True)
