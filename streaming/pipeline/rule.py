"""Rule: which disposal rule document applies. Pure."""

from __future__ import annotations

from eco2.pipeline.v1 import scan_task_pb2

from streaming.knowledge import Knowledge, RuleDocument


def document_for(knowledge: Knowledge, task: scan_task_pb2.ScanTask) -> RuleDocument | None:
    """The document for a task's classification and municipality; None when none applies."""
    labels = task.vision.classification
    return knowledge.rule_for(labels.major_category, labels.middle_category, task.municipality)


def outcome(document: RuleDocument | None, duration_seconds: float) -> scan_task_pb2.RuleOutcome:
    """What goes into the task."""
    return scan_task_pb2.RuleOutcome(
        document_id="" if document is None else document.id,
        duration_ms=round(duration_seconds * 1000),
    )
