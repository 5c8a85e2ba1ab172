"""Frames, byte for byte."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from edge.progress import frames
from streaming.progress.event import StoredEvent, StreamId
from streaming.progress.stages import RECOVERY


def test_progress_frame_is_the_contracts_example() -> None:
    event = StoredEvent(StreamId(1769552400123, 0), "9f0c", "vision", "completed", 11, 25)
    assert frames.event(event) == (
        b"id: 1769552400123-0\r\nevent: vision\r\n"
        b'data: {"job_id":"9f0c","stage":"vision","status":"completed","seq":11,'
        b'"ts":"1769552400.123","progress":25,"result":"","stream_id":"1769552400123-0"}\r\n\r\n'
    )


def test_token_frame_has_no_progress_and_no_result() -> None:
    event = StoredEvent(
        StreamId(1769552405001, 0), "79d0", "token", "streaming", 1001, content="페", node="answer"
    )
    assert frames.event(event).decode() == (
        "id: 1769552405001-0\r\nevent: token\r\n"
        'data: {"job_id":"79d0","stage":"token","status":"streaming","seq":1001,'
        '"ts":"1769552405.001","content":"페","node":"answer","stream_id":"1769552405001-0"}'
        "\r\n\r\n"
    )


def test_recovery_frame_never_claims_to_be_complete() -> None:
    event = StoredEvent(StreamId(1, 0), "79d0", RECOVERY, "snapshot", 1010, content="안녕")
    lines = frames.event(event).decode().split("\r\n")
    assert lines[0] == "id: recovery:1010"
    data = json.loads(lines[2].removeprefix("data: "))
    assert (data["accumulated"], data["last_seq"], data["completed"]) == ("안녕", 1010, False)


def test_failure_is_named_error() -> None:
    event = StoredEvent(StreamId(1, 0), "9f0c", "vision", "failed", 11)
    assert b"\r\nevent: error\r\n" in frames.event(event)


def test_result_is_passed_on_as_it_was_written() -> None:
    event = StoredEvent(
        StreamId(1, 0), "9f0c", "done", "completed", 51, result='{"단계2":null,"단계1":"x"}'
    )
    assert '"result":{"단계2":null,"단계1":"x"}' in frames.event(event).decode()


@given(
    message=st.text(), content=st.text(), is_token=st.booleans(),
    traceparent=st.text(alphabet=st.characters(codec="utf-8")),
)  # fmt: skip
def test_any_text_stays_in_its_frame(
    message: str, content: str, is_token: bool, traceparent: str
) -> None:
    event = StoredEvent(
        StreamId(1, 2), "job", "token" if is_token else "vision", "started", 10,
        message=message, content=content, traceparent=traceparent,
    )  # fmt: skip
    raw = frames.event(event)
    assert raw.count(b"\r\n") == 4
    assert raw.count(b"\n") == 4
    data = json.loads(raw.split(b"\r\n")[2].removeprefix(b"data: "))
    assert data["content" if is_token else "message"] == (content if is_token else message)


def test_keepalive_is_named_and_has_no_id() -> None:
    frame = frames.keepalive(datetime(2026, 1, 2, tzinfo=UTC))
    assert frame == (
        b"event: keepalive\r\n"
        b'data: {"timestamp":"2026-01-02T00:00:00.000+00:00"}\r\n\r\n'
    )  # fmt: skip
