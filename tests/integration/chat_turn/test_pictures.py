"""Turns with a picture: looked at as a scan's is, and gone on with when it can't be."""

from __future__ import annotations

import json

import pytest
from eco2.chat.v1 import chat_pb2

from streaming.chat.memory import WITH_PICTURE
from streaming.progress.event import StoredEvent
from tests.integration.chat_turn.conftest import Chats

pytestmark = pytest.mark.parts

KEY = "chat/0123.jpg"


def steps(events: list[StoredEvent]) -> list[tuple[str, str]]:
    return [(event.stage, event.status) for event in events if not event.is_text]


def prompt(chats: Chats, kind: str) -> str:
    """The text of the last call of a kind."""
    return chats.simulator.last_bodies[kind].decode().replace("\\", "")


async def test_what_a_picture_shows_reaches_the_branch_and_the_model(chats: Chats) -> None:
    task = await chats.ask("이건 어떻게 버려요?", picture=KEY)
    told = steps(await chats.ended(task.job_id))
    assert told[:5] == [
        ("queued", "started"),
        *(("intent", status) for status in ("started", "completed")),
        *(("vision", status) for status in ("started", "completed")),
    ]
    looked_at = chats.simulator.last_bodies["vision"].decode()
    assert task.image_url in looked_at
    assert '"detail":"high"' in looked_at
    assert "이건 어떻게 버려요?" in looked_at
    picture = chats.tools["waste_rag"].seen[-1].picture
    assert picture is not None
    assert picture.seen is not None
    assert (picture.url, picture.seen.middle) == (task.image_url, "유리병")
    assert '"middle_category":"유리병"' in prompt(chats, "reply").replace(" ", "")
    calls = json.loads(chats.service.answers[task.job_id].metadata_json)["model"]["calls"]
    assert [call["kind"] for call in calls] == ["intent", "vision", "reply", "grade"]


async def test_a_picture_alone_is_a_question_about_waste(chats: Chats) -> None:
    asked = chats.simulator.statistics.calls["intent"]
    task = await chats.ask("", picture=KEY)
    told = steps(await chats.ended(task.job_id))
    assert ("vision", "completed") in told
    assert ("waste_rag", "completed") in told
    assert told[-1] == ("done", "completed")
    assert chats.service.answers[task.job_id].intent == "waste"
    assert chats.simulator.statistics.calls["intent"] == asked, "nothing to be understood"


@pytest.mark.parametrize("message", ["이건 어떻게 버려요?", ""])
async def test_a_turn_goes_on_without_a_picture_that_cannot_be_read(
    chats: Chats, message: str
) -> None:
    chats.simulator.set(rejects="vision")
    task = await chats.ask(message, picture=KEY)
    told = steps(await chats.ended(task.job_id))
    assert ("vision", "completed") in told
    assert told[-1] == ("done", "completed")
    picture = chats.tools["waste_rag"].seen[-1].picture
    assert picture is not None
    assert picture.seen is None
    assert '"recognised":false' in prompt(chats, "reply").replace(" ", "")


async def test_a_picture_of_an_earlier_message_is_mentioned(chats: Chats) -> None:
    chats.service.history = [
        chat_pb2.PastMessage(
            role="user", content="이건요?", image_url="https://images.example/a.jpg", position=1
        ),
        chat_pb2.PastMessage(role="assistant", content="유리병이에요.", position=2),
    ]
    task = await chats.ask("뚜껑은 어디에 버려요?")
    told = steps(await chats.ended(task.job_id))
    assert ("vision", "started") not in told
    for kind in ("intent", "reply"):
        assert f"이건요? {WITH_PICTURE}" in prompt(chats, kind)


async def test_a_picture_is_not_looked_at_again_after_a_wait(chats: Chats) -> None:
    chats.simulator.set(intent="location")
    task = await chats.ask("이거 받아 주는 곳 어디예요?", picture=KEY)
    await chats.until_event(task.job_id, "needs_input")
    looked = chats.simulator.statistics.calls["vision"]
    await chats.answer(task, "location", latitude=37.5, longitude=127.0)
    await chats.ended(task.job_id)
    assert chats.simulator.statistics.calls["vision"] == looked
    picture = chats.tools["location"].seen[-1].picture
    assert picture is not None
    assert picture.seen is not None
