"""The pure steps of the pipeline."""

from __future__ import annotations

import pytest
from eco2.character.v1 import character_service_pb2
from eco2.pipeline.v1 import scan_task_pb2
from eco2.scan.v1 import scan_pb2
from hypothesis import given
from hypothesis import strategies as st

from services.runtime.errors import reason_named
from services.runtime.objectstore import (
    ObjectNotFoundError,
    ObjectStoreUnavailableError,
    ObjectTooLargeError,
)
from streaming.kafka.consumer import DEADLINE_EXCEEDED
from streaming.knowledge import load
from streaming.model.models import Told
from streaming.model.provider import (
    Answer,
    ModelOutputInvalid,
    ModelRateLimited,
    ModelRejected,
    ModelTimeout,
    ModelUnavailable,
    Usage,
    Vision,
)
from streaming.pipeline import answer, failures, reward, rule, vision
from streaming.pipeline.endings import last_event


def task(
    major: str = "재활용폐기물",
    middle: str = "무색페트병",
    minor: str = "음료PET병",
    *,
    document: str = "재활용폐기물_무색페트병",
    insufficiencies: tuple[str, ...] = (),
) -> scan_task_pb2.ScanTask:
    return scan_task_pb2.ScanTask(
        job_id="j",
        user_id="u",
        user_input="어떻게?",
        vision=scan_task_pb2.VisionOutcome(
            classification=scan_pb2.Classification(
                major_category=major, middle_category=middle, minor_category=minor
            ),
            situation_tags=["내용물_없음"],
        ),
        rule=scan_task_pb2.RuleOutcome(document_id=document),
        answer=scan_task_pb2.AnswerOutcome(
            disposal_steps=["헹군다", "넣는다"], insufficiencies=insufficiencies, user_answer="답"
        ),
    )


def seen(minor: str | None) -> Told[Vision]:
    return Told(
        "openai",
        Vision(
            major="재활용폐기물",
            middle="유리병",
            minor=minor,
            situation_tags=("깨짐",),
            confidence=None,
            usage=Usage(input_tokens=5, output_tokens=6, latency_seconds=1.2345),
            model="gpt",
            prompt_version="vision-1",
        ),
    )


@pytest.mark.parametrize(("minor", "stored"), [("소주병", "소주병"), (None, "유리병")])
def test_no_label_of_a_classification_is_ever_empty(minor: str | None, stored: str) -> None:
    outcome = vision.outcome(seen(minor))
    assert outcome.classification.minor_category == stored
    assert not outcome.HasField("confidence")
    assert outcome.model_use.duration_ms == 1234
    back = vision.seen_in(scan_task_pb2.ScanTask(vision=outcome))
    assert (back.major, back.middle, back.minor) == ("재활용폐기물", "유리병", minor)


def test_the_rule_follows_from_the_classification() -> None:
    known = load()
    document = rule.document_for(known, task())
    assert document is not None
    assert rule.outcome(document, 0.002).document_id == "재활용폐기물_무색페트병"
    assert rule.document_for(known, task(middle="없는중분류")) is None
    assert rule.outcome(None, 0.0).document_id == ""


def test_without_a_rule_the_answer_is_fixed_and_says_what_would_help() -> None:
    known = answer.without_rule(task(document=""), "미분류")
    assert list(known.insufficiencies) == [answer.NO_RULE]
    unknown = answer.without_rule(task("미분류", "미분류", "미분류", document=""), "미분류")
    assert list(unknown.insufficiencies) == [answer.UNRECOGNISED]
    assert not known.disposal_steps
    assert known.user_answer
    assert unknown.user_answer


def test_an_answer_keeps_the_order_of_its_steps() -> None:
    told = Told(
        "openai",
        Answer(
            disposal_steps=("b", "a"),
            insufficiencies=(),
            user_answer="답",
            model="gpt",
            prompt_version="answer-1",
        ),
    )
    assert list(answer.outcome(told).disposal_steps) == ["b", "a"]


@pytest.mark.parametrize(
    ("changes", "eligible"),
    [
        ({}, True),
        ({"major": "일반종량제폐기물"}, False),
        ({"middle": "  "}, False),
        ({"document": ""}, False),
        ({"insufficiencies": ("라벨이 있어요",)}, False),
        ({"insufficiencies": ("  ", "")}, True),
    ],
)
def test_only_a_ready_recyclable_with_a_rule_earns(changes: dict[str, str], eligible: bool) -> None:
    subject = task(**changes)  # type: ignore[arg-type]
    assert reward.is_eligible(subject) is eligible


def test_the_result_carries_everything_and_a_reward_only_when_there_is_one() -> None:
    match = character_service_pb2.MatchCharacterResponse(
        character=character_service_pb2.Character(name="페티", dialog="안녕", type="먹는샘물"),
        match_reason="무색페트병>음료PET병",
    )
    stored = reward.result(task(), match)
    assert (stored.reward.name, stored.reward.match_reason) == ("페티", "무색페트병>음료PET병")
    assert list(stored.disposal_steps) == ["헹군다", "넣는다"]
    assert stored.rule_document_id == "재활용폐기물_무색페트병"
    assert not reward.result(task(), None).HasField("reward")
    empty = character_service_pb2.MatchCharacterResponse(match_reason="no")
    assert not reward.result(task(), empty).HasField("reward")


def test_a_grant_names_user_character_and_job() -> None:
    earned = character_service_pb2.Character(character_id="c", code="char-petty", name="페티")
    fact = reward.granted(task(), earned, 1700000000.25)
    assert (fact.user_id, fact.character_code, fact.job_id) == ("u", "char-petty", "j")
    assert fact.granted_at.ToMilliseconds() == 1700000000250


@pytest.mark.parametrize(
    ("error", "attempt", "expected"),
    [
        (ModelRejected("no"), 1, failures.Fail("MODEL_REJECTED")),
        (ModelOutputInvalid("?"), 1, failures.Again("MODEL_OUTPUT_INVALID")),
        (ModelOutputInvalid("?"), 2, failures.Fail("MODEL_OUTPUT_INVALID")),
        (ModelTimeout("…"), 9, failures.Again("MODEL_UNAVAILABLE")),
        (ModelUnavailable("…"), 1, failures.Again("MODEL_UNAVAILABLE")),
        (
            ModelRateLimited("…", retry_after_seconds=7.0),
            1,
            failures.Again("MODEL_UNAVAILABLE", 7.0),
        ),
        (ObjectNotFoundError("k"), 1, failures.Fail("IMAGE_NOT_FOUND")),
        (ObjectTooLargeError(2, 1), 1, failures.Fail("IMAGE_TOO_LARGE")),
        (ObjectStoreUnavailableError("…"), 1, failures.Again("DEPENDENCY_UNAVAILABLE")),
        (RuntimeError("?"), 1, failures.Again("STAGE_FAILED")),
    ],
)
def test_every_error_has_a_verdict_whose_reason_exists(
    error: Exception, attempt: int, expected: failures.Fail | failures.Again
) -> None:
    assert failures.verdict(error, attempt) == expected
    reason_named(expected.reason)


@given(st.text(max_size=40))
def test_any_reason_of_a_dead_record_becomes_one_that_exists(text: str) -> None:
    reason_named(failures.job_reason(text))


def test_reasons_of_dead_records() -> None:
    assert failures.job_reason(DEADLINE_EXCEEDED) == "JOB_DEADLINE_EXCEEDED"
    assert failures.job_reason("MODEL_UNAVAILABLE") == "MODEL_UNAVAILABLE"
    assert failures.job_reason("ZeroDivisionError") == "STAGE_FAILED"
    assert failures.job_reason("LEASE_HELD") == "STAGE_FAILED"


def test_the_last_event_tells_how_the_job_is_stored() -> None:
    done = last_event("j", scan_pb2.Job(status="completed", result_json='{"a":1}'), "reward")
    assert (done.stage, done.status, done.result) == ("done", "completed", '{"a":1}')
    failed = last_event("j", scan_pb2.Job(status="failed", error_reason="MODEL_REJECTED"), "vision")
    assert (failed.stage, failed.status) == ("vision", "failed")
    assert failed.result is not None
    assert "다른 사진" in failed.result
    cancelled = last_event("j", scan_pb2.Job(status="cancelled"), "answer")
    assert cancelled.status == "failed"
    assert cancelled.is_terminal
