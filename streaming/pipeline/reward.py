"""Reward: whether a scan may earn a character, and the result that is stored. Pure."""

from __future__ import annotations

import json
from typing import Final

from eco2.character.v1 import character_service_pb2
from eco2.pipeline.v1 import reward_granted_pb2, scan_task_pb2
from eco2.scan.v1 import scan_pb2

RECYCLABLE: Final = "재활용폐기물"
"""The one major category that earns characters."""

SOURCE: Final = "scan"


def is_eligible(task: scan_task_pb2.ScanTask) -> bool:
    """Whether the policy allows a reward: a recyclable of a known class, with a
    rule document, and with nothing left to do to it.
    """
    labels = task.vision.classification
    return (
        labels.major_category == RECYCLABLE
        and bool(labels.middle_category.strip())
        and bool(task.rule.document_id)
        and not any(entry.strip() for entry in task.answer.insufficiencies)
    )


def question(task: scan_task_pb2.ScanTask) -> character_service_pb2.MatchCharacterRequest:
    """What the catalogue is asked."""
    labels = task.vision.classification
    return character_service_pb2.MatchCharacterRequest(
        major_category=labels.major_category,
        middle_category=labels.middle_category,
        minor_category=labels.minor_category,
        disposal_rules_present=bool(task.rule.document_id),
        insufficiencies_present=any(entry.strip() for entry in task.answer.insufficiencies),
    )


def result(
    task: scan_task_pb2.ScanTask, match: character_service_pb2.MatchCharacterResponse | None
) -> scan_pb2.ScanResult:
    """The outcome that is stored with the job."""
    stored = scan_pb2.ScanResult(
        classification=task.vision.classification,
        situation_tags=task.vision.situation_tags,
        user_input=task.user_input,
        rule_document_id=task.rule.document_id,
        disposal_steps=task.answer.disposal_steps,
        insufficiencies=task.answer.insufficiencies,
        user_answer=task.answer.user_answer,
        vision_use=task.vision.model_use,
        answer_use=task.answer.model_use,
    )
    if match is not None and match.HasField("character"):
        earned = match.character
        stored.reward.name = earned.name
        stored.reward.dialog = earned.dialog
        stored.reward.match_reason = match.match_reason
        stored.reward.type = earned.type
    return stored


def is_stored_in(job: scan_pb2.Job) -> bool:
    """Whether the result a completed job was stored with has a reward."""
    return json.loads(job.result_json).get("reward") is not None


def granted(
    task: scan_task_pb2.ScanTask, earned: character_service_pb2.Character, now_seconds: float
) -> reward_granted_pb2.RewardGranted:
    """The fact that the user has earned a character."""
    fact = reward_granted_pb2.RewardGranted(
        user_id=task.user_id,
        character_id=earned.character_id,
        character_code=earned.code,
        character_name=earned.name,
        character_type=earned.type,
        character_dialog=earned.dialog,
        source=SOURCE,
        job_id=task.job_id,
    )
    fact.granted_at.FromMilliseconds(round(now_seconds * 1000))
    return fact
