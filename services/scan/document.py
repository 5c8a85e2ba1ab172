"""The app's result document (docs/app.md, "Scans"), rendered once when a job is completed. Pure.

Three things in it can't be left to a transcoded message: ``reward`` and ``error`` are literal nulls
when there is none, ``disposal_steps`` keeps its order (the app numbers steps by it), and no label
of the classification is ever null, since the app prints them into sentences.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from eco2.scan.v1 import scan_pb2

COMPLETED_MESSAGE: Final = "classification completed"
PENDING_MESSAGE: Final = "결과 준비 중입니다."
CANCELLED_MESSAGE: Final = "취소된 작업입니다."


def completed(job_id: str, result: scan_pb2.ScanResult, rules: Mapping[str, Any] | None) -> str:
    """The document of a completed scan in one line of JSON."""
    labels = result.classification
    middle = labels.middle_category or labels.major_category
    return _json(
        {
            "task_id": job_id,
            "status": "completed",
            "message": COMPLETED_MESSAGE,
            "pipeline_result": {
                "classification_result": {
                    "classification": {
                        "major_category": labels.major_category,
                        "middle_category": middle,
                        "minor_category": labels.minor_category or middle,
                    },
                    "situation_tags": list(result.situation_tags),
                    "meta": {"user_input": result.user_input},
                },
                "disposal_rules": rules,
                "final_answer": {
                    "disposal_steps": {
                        f"단계{number}": step
                        for number, step in enumerate(result.disposal_steps, start=1)
                    },
                    "insufficiencies": list(result.insufficiencies),
                    "user_answer": result.user_answer,
                },
            },
            "reward": _reward(result),
            "error": None,
        }
    )


def ended_without_result(job_id: str, error: str) -> str:
    """The document of a scan that failed or was cancelled, in the members of a completed one.

    ``status`` is ``failed`` for both: the app knows no other unhappy end, and
    the app shows its error screen for a result whose ``pipeline_result`` is null.
    """
    return _json(
        {
            "task_id": job_id,
            "status": "failed",
            "message": None,
            "pipeline_result": None,
            "reward": None,
            "error": error,
        }
    )


def pending(stage: str | None, progress: int | None) -> str:
    """The document of a scan that still runs; progress 0 is written as null."""
    return _json(
        {
            "status": "processing",
            "message": PENDING_MESSAGE,
            "current_stage": stage,
            "progress": progress or None,
        }
    )


def _reward(result: scan_pb2.ScanResult) -> dict[str, str] | None:
    if not result.HasField("reward"):
        return None
    reward = result.reward
    return {
        "name": reward.name,
        "dialog": reward.dialog,
        "match_reason": reward.match_reason,
        "type": reward.type,
    }


def _json(document: Mapping[str, Any]) -> str:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))
