"""Turns as their watchers and askers see them."""

from __future__ import annotations

import json
import uuid
from datetime import timedelta
from typing import Any

import pytest
from eco2.chat.v1 import chat_pb2
from eco2.pipeline.v1 import chat_turn_pb2
from google.protobuf.json_format import MessageToDict
from hypothesis import given
from hypothesis import strategies as st

from edge.progress.jobs import chat_ending
from services.chat import paging, result, translate
from services.chat.records import record
from services.chat.state import Status
from services.chat.turn import (
    ASSISTANT,
    USER,
    Chat,
    Input,
    Picture,
    Place,
    StoredMessage,
    message_id,
    position,
)
from services.runtime.errors import DomainError
from tests.unit.chat.stored import AT, turn

ANSWER = chat_pb2.AssistantAnswer(content="헹궈요", intent="waste")


def completed(metadata: dict[str, Any], **changes: Any) -> Any:
    document = result.completed(turn(**changes), ANSWER, metadata, AT + timedelta(seconds=2))
    return turn(status=Status.COMPLETED, result=document, finished_at=AT, **changes)


def test_result_names_neither_texts_nor_ids_of_the_messages() -> None:
    done = completed({}, picture=Picture(url="https://x/a.jpg"))
    document = json.loads(done.result)
    assert list(document) == ["intent", "answer", "eval", "persistence"]
    assert document["eval"] is None
    persistence = document["persistence"]
    assert not persistence.keys() & {"user_message", "assistant_message"}
    assert persistence["user_message_created_at"] == "2026-01-19T12:00:00.123Z"
    assert persistence["assistant_message_created_at"] == "2026-01-19T12:00:02.123Z"
    assert persistence["user_image_url"] == "https://x/a.jpg"
    assert "\n" not in done.result


@given(st.integers(0, 999), st.integers(0, 999))
def test_result_tells_times_as_the_messages_do(asked_ms: int, answered_ms: int) -> None:
    asked, answered = (
        AT.replace(microsecond=ms * 1000) + timedelta(seconds=after)
        for ms, after in ((asked_ms, 0), (answered_ms, 2))
    )
    persistence = json.loads(result.completed(turn(created_at=asked), ANSWER, {}, answered))[
        "persistence"
    ]
    for role, at in ((USER, asked), (ASSISTANT, answered)):
        stored = StoredMessage(uuid.uuid4(), role, "", None, None, None, at)
        message = MessageToDict(translate.chat_message(stored), preserving_proto_field_name=True)
        assert persistence[f"{role}_message_created_at"] == message["created_at"]


@pytest.mark.parametrize(
    ("metadata", "steps", "missing", "labels"),
    [
        ({}, [], [], None),
        ({"disposal_steps": ["가", 1, "나"], "insufficiencies": "text"}, ["가", "나"], [], None),
        ({"insufficiencies": ["사진"], "classification": {}}, [], ["사진"], None),
        ({"classification": ["x"]}, [], [], None),
        (
            {"classification": {"major_category": "재활용폐기물", "minor_category": None}},
            [], [], {"major_category": "재활용폐기물"},
        ),
    ],
)  # fmt: skip
def test_legacy_answer_has_what_the_metadata_have(
    metadata: dict[str, Any], steps: list[str], missing: list[str], labels: dict[str, str] | None
) -> None:
    answer = translate.asked(completed(metadata))
    assert [step.instruction for step in answer.disposal_steps] == steps
    assert [step.step for step in answer.disposal_steps] == list(range(1, len(steps) + 1))
    assert list(answer.insufficiencies) == missing
    assert answer.metadata.HasField("classification") == (labels is not None)
    if labels is not None:
        assert MessageToDict(answer.metadata.classification) == labels


def test_watchers_of_an_ended_turn_learn_its_end() -> None:
    (done,) = chat_ending(translate.turn_message(completed({})))
    assert (done.stage, done.status, done.seq, done.progress) == ("done", "completed", 181, 100)
    assert json.loads(done.result or "")["answer"] == "헹궈요"
    failed = turn(status=Status.FAILED, error_reason="MODEL_UNAVAILABLE", finished_at=AT)
    cancelled = turn(status=Status.CANCELLED, finished_at=AT)
    for ended, text in ((failed, "AI 모델"), (cancelled, "삭제된 대화")):
        (event,) = chat_ending(translate.turn_message(ended))
        assert event.is_terminal
        assert (event.message or "").startswith(text)
        assert json.loads(event.result or "")["error"] == event.message
    for open_one in (turn(), turn(status=Status.WAITING)):
        assert chat_ending(translate.turn_message(open_one)) == ()


def test_record_carries_the_turn_and_what_it_waited_for() -> None:
    asked = turn(
        picture=Picture(url="u", key="k", content_type="image/png"),
        place=Place(0.0, 0.0), model="gpt-5", traceparent="00-1-2-01",
    )  # fmt: skip
    first = chat_turn_pb2.ChatTurn.FromString(record(asked).payload)
    assert record(asked).key == str(asked.chat_id)
    assert (first.image_key, first.model, first.traceparent) == ("k", "gpt-5", "00-1-2-01")
    assert first.HasField("user_location"), "the place where both are 0 is one too"
    assert not first.HasField("input")
    given_input = Input(type="expired", data_json="", state=b"s", round=2)
    again = chat_turn_pb2.ChatTurn.FromString(record(asked, given_input).payload)
    assert (again.input.type, again.input.state, again.input.round) == ("expired", b"s", 2)


@given(st.integers(1, 10_000))
def test_positions_follow_the_turns(number: int) -> None:
    assert position(number, "user") + 1 == position(number, "assistant")
    assert position(number, "assistant") + 1 == position(number + 1, "user")


def test_ids_of_messages_are_those_of_their_turn_and_role() -> None:
    job_id = uuid.uuid4()
    ids = {message_id(job_id, "user"), message_id(job_id, "assistant")}
    assert ids == {message_id(job_id, "user"), message_id(job_id, "assistant")}
    assert len(ids) == 2


def chat(number: int, *, spoken: bool) -> Chat:
    at = AT + timedelta(seconds=number)
    return Chat(uuid.UUID(int=number), None, None, 0, at if spoken else None, at)


@given(st.integers(0, 4), st.integers(0, 4), st.integers(1, 9))
def test_cursor_names_the_last_chat_and_its_half(spoken: int, silent: int, limit: int) -> None:
    user_id = uuid.UUID(int=9)
    found = [chat(n, spoken=n < spoken) for n in range(spoken + silent)][: limit + 1]
    page = paging.chat_page(found, limit, user_id)
    assert list(page.chats) == found[:limit]
    assert (page.next_cursor is None) == (len(found) <= limit)
    if page.next_cursor is not None:
        after = paging.chats_after(page.next_cursor, user_id)
        assert after is not None
        last = page.chats[-1]
        assert (after.cursor.row_id, after.spoken) == (
            last.chat_id, last.last_message_at is not None,
        )  # fmt: skip


@given(st.text(max_size=80))
def test_no_text_is_a_cursor_by_chance(text: str) -> None:
    user_id = uuid.UUID(int=9)
    for read in (paging.chats_after, paging.messages_before):
        if not text:
            assert read(text, user_id) is None
        else:
            with pytest.raises(DomainError):
                read(text, user_id)


@given(st.integers(0, 6), st.integers(1, 6))
def test_message_page_is_ascending_and_leads_to_older_ones(count: int, limit: int) -> None:
    chat_id = uuid.UUID(int=5)
    found = [
        StoredMessage(uuid.UUID(int=n), "user", str(n), None, None, None, AT) for n in range(count)
    ][: limit + 1]
    page = paging.message_page(found, limit, chat_id)
    assert list(page.messages) == found[:limit][::-1]
    assert (page.next_cursor is None) == (len(found) <= limit)
    if page.next_cursor is not None:
        oldest = page.messages[0].message_id
        assert paging.messages_before(page.next_cursor, chat_id) == oldest
