"""Vision: what the photo shows. Pure."""

from __future__ import annotations

from eco2.pipeline.v1 import scan_task_pb2
from eco2.scan.v1 import scan_pb2

from streaming.model.models import Told
from streaming.model.provider import Usage, Vision


def outcome(told: Told[Vision]) -> scan_task_pb2.VisionOutcome:
    """What goes into the task: all three labels set, whatever the model left open."""
    seen = told.value
    return scan_task_pb2.VisionOutcome(
        classification=scan_pb2.Classification(
            major_category=seen.major,
            middle_category=seen.middle,
            minor_category=seen.minor or seen.middle,
        ),
        situation_tags=seen.situation_tags,
        confidence=seen.confidence,
        model_use=model_use(told.provider, seen.model, seen.prompt_version, seen.usage),
    )


def seen_in(task: scan_task_pb2.ScanTask) -> Vision:
    """The classification of a task as the model knows it."""
    found = task.vision
    labels = found.classification
    minor = labels.minor_category
    return Vision(
        major=labels.major_category,
        middle=labels.middle_category,
        minor=None if minor == labels.middle_category else minor,
        situation_tags=tuple(found.situation_tags),
        confidence=found.confidence if found.HasField("confidence") else None,
        model=found.model_use.model,
        prompt_version=found.model_use.prompt_version,
    )


def model_use(provider: str, model: str, prompt_version: str, usage: Usage) -> scan_pb2.ModelUse:
    """What a call took, as it is stored with the job."""
    return scan_pb2.ModelUse(
        provider=provider,
        model=model,
        prompt_version=prompt_version,
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        duration_ms=round(usage.latency_seconds * 1000),
    )
