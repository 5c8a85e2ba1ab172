"""Answer: what the user is told. Pure."""

from __future__ import annotations

from typing import Final

from eco2.pipeline.v1 import scan_task_pb2
from eco2.scan.v1 import scan_pb2

from streaming.model.models import Told
from streaming.model.provider import Answer
from streaming.pipeline.vision import model_use

FIXED: Final = "fixed"
"""Provider named for an answer that no model gave."""

NO_RULE: Final = "배출 규정 매칭 실패"
"""Insufficiency of an item without a rule document (docs/app.md, "Scans")."""

NO_RULE_ANSWER: Final = (
    "죄송해요, 이 물건에 맞는 배출 규정을 아직 찾지 못했어요. "
    "사는 곳의 구청이나 주민센터에 문의하면 정확한 방법을 알 수 있어요."
)

UNRECOGNISED: Final = (
    "사진만으로는 무엇인지 알기 어려워요. "
    "분리배출 표시가 잘 보이게 다시 찍거나 물건 이름을 함께 적어 주세요."
)
"""Insufficiency of a photo that could not be told: it asks for another one, or for a word."""

UNRECOGNISED_ANSWER: Final = (
    "죄송해요, 어떤 물건인지 알아보지 못했어요. "
    "밝은 곳에서 물건 하나만 나오게 다시 찍거나 이름을 적어 주시면 바로 알려 드릴게요."
)


def without_rule(task: scan_task_pb2.ScanTask, unclassified: str) -> scan_task_pb2.AnswerOutcome:
    """The answer when no rule document applies: fixed, no model is asked.

    `unclassified` is the major category that stands for "can't tell".
    """
    labels = task.vision.classification
    unknown = unclassified in (labels.major_category, labels.middle_category)
    return scan_task_pb2.AnswerOutcome(
        insufficiencies=[UNRECOGNISED if unknown else NO_RULE],
        user_answer=UNRECOGNISED_ANSWER if unknown else NO_RULE_ANSWER,
        model_use=scan_pb2.ModelUse(provider=FIXED),
    )


def outcome(told: Told[Answer]) -> scan_task_pb2.AnswerOutcome:
    """What goes into the task."""
    answer = told.value
    return scan_task_pb2.AnswerOutcome(
        disposal_steps=answer.disposal_steps,
        insufficiencies=answer.insufficiencies,
        user_answer=answer.user_answer,
        model_use=model_use(told.provider, answer.model, answer.prompt_version, answer.usage),
    )
