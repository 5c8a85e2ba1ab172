"""The app's document, member for member (docs/app.md, "Scans")."""

from __future__ import annotations

import json
from typing import Any

from eco2.scan.v1 import scan_pb2
from hypothesis import given
from hypothesis import strategies as st

from services.scan import document

JOB = "0b7e3c8e-6b1d-4f53-9a3e-5d4a0c1f2e3d"


def result(**changes: Any) -> scan_pb2.ScanResult:
    fields: dict[str, Any] = {
        "classification": scan_pb2.Classification(
            major_category="재활용폐기물", middle_category="무색페트병", minor_category="음료PET병"
        ),
        "situation_tags": ["내용물_없음", "비닐_라벨_부착"],
        "user_input": "이거 어떻게 버려?",
        "disposal_steps": ["내용물을 비우기", "라벨 떼기"],
        "insufficiencies": ["라벨이 남아 있어요"],
        "user_answer": "라벨을 떼고 배출해 주세요.",
        "reward": scan_pb2.Reward(
            name="페티", dialog="안녕!", match_reason="무색페트병>음료PET병", type="페트"
        ),
    }
    return scan_pb2.ScanResult(**{**fields, **changes})


def test_completed_document_is_exactly_this_text() -> None:
    assert document.completed(JOB, result(), {"key": "무색페트병"}) == (
        '{"task_id":"0b7e3c8e-6b1d-4f53-9a3e-5d4a0c1f2e3d","status":"completed",'
        '"message":"classification completed","pipeline_result":{"classification_result":'
        '{"classification":{"major_category":"재활용폐기물","middle_category":"무색페트병",'
        '"minor_category":"음료PET병"},"situation_tags":["내용물_없음","비닐_라벨_부착"],'
        '"meta":{"user_input":"이거 어떻게 버려?"}},"disposal_rules":{"key":"무색페트병"},'
        '"final_answer":{"disposal_steps":{"단계1":"내용물을 비우기","단계2":"라벨 떼기"},'
        '"insufficiencies":["라벨이 남아 있어요"],"user_answer":"라벨을 떼고 배출해 주세요."}},'
        '"reward":{"name":"페티","dialog":"안녕!","match_reason":"무색페트병>음료PET병",'
        '"type":"페트"},"error":null}'
    )


def test_what_there_is_none_of_is_a_literal_null_or_an_empty_member() -> None:
    bare = scan_pb2.ScanResult(
        classification=scan_pb2.Classification(major_category="미분류", middle_category="미분류")
    )
    text = document.completed(JOB, bare, None)
    for member in (
        '"reward":null',
        '"error":null',
        '"disposal_rules":null',
        '"disposal_steps":{}',
        '"insufficiencies":[]',
        '"situation_tags":[]',
        '"user_answer":""',
    ):
        assert member in text


def test_tenth_step_comes_after_the_ninth() -> None:
    text = document.completed(JOB, result(disposal_steps=[f"{n}번" for n in range(1, 12)]), None)
    steps = json.loads(text)["pipeline_result"]["final_answer"]["disposal_steps"]
    assert list(steps) == [f"단계{n}" for n in range(1, 12)]
    assert list(steps.values()) == [f"{n}번" for n in range(1, 12)]


def test_no_label_is_ever_empty_while_a_wider_one_is_known() -> None:
    labels = scan_pb2.Classification(major_category="대형폐기물")
    parsed = json.loads(document.completed(JOB, result(classification=labels), None))
    shown = parsed["pipeline_result"]["classification_result"]["classification"]
    assert set(shown.values()) == {"대형폐기물"}


@given(st.lists(st.text(max_size=20), max_size=12), st.text(max_size=40))
def test_document_is_one_line_whatever_the_model_wrote(steps: list[str], answer: str) -> None:
    text = document.completed(JOB, result(disposal_steps=steps, user_answer=answer), None)
    assert "\n" not in text
    assert "\r" not in text
    final = json.loads(text)["pipeline_result"]["final_answer"]
    assert list(final["disposal_steps"].values()) == steps
    assert final["user_answer"] == answer


def test_unhappy_end_has_the_members_of_a_happy_one() -> None:
    happy = json.loads(document.completed(JOB, result(), None))
    unhappy = json.loads(document.ended_without_result(JOB, "취소된 작업입니다."))
    assert list(unhappy) == list(happy)
    assert unhappy["status"] == "failed"
    assert unhappy["pipeline_result"] is unhappy["reward"] is None


def test_pending_document_writes_progress_zero_as_null() -> None:
    assert document.pending("vision", 0) == (
        '{"status":"processing","message":"결과 준비 중입니다.",'
        '"current_stage":"vision","progress":null}'
    )
    assert json.loads(document.pending("rule", 25))["progress"] == 25
    assert json.loads(document.pending(None, None))["current_stage"] is None
