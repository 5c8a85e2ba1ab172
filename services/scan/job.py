"""A job as the domain sees it, and the record that sends it through the pipeline. Pure."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from eco2.pipeline.v1 import scan_task_pb2

from services.scan.state import Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """Everything a job is made of when it is accepted."""

    job_id: uuid.UUID
    user_id: uuid.UUID
    image_url: str
    image_key: str
    image_content_type: str
    user_input: str
    model: str
    municipality: str
    traceparent: str
    created_at: datetime
    deadline_at: datetime

    def task(self) -> scan_task_pb2.ScanTask:
        """What the first stage gets."""
        return scan_task_pb2.ScanTask(
            job_id=str(self.job_id),
            user_id=str(self.user_id),
            image_url=self.image_url,
            image_key=self.image_key,
            image_content_type=self.image_content_type,
            user_input=self.user_input,
            model=self.model,
            municipality=self.municipality,
            submitted_at_ms=_millis(self.created_at),
            deadline_ms=_millis(self.deadline_at),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A job as it is stored now."""

    job_id: uuid.UUID
    user_id: uuid.UUID
    status: Status
    image_url: str
    user_input: str
    municipality: str
    created_at: datetime
    finished_at: datetime | None
    result: bytes | None
    """Serialized eco2.scan.v1.ScanResult; set when completed."""
    document: str | None
    """The app's JSON; set when completed."""
    error_reason: str | None
    """Name of an ErrorReason without prefix; set when failed."""


class Summary(NamedTuple):
    """One row of the history."""

    job_id: uuid.UUID
    status: str
    image_url: str
    major_category: str | None
    middle_category: str | None
    minor_category: str | None
    reward_name: str | None
    created_at: datetime


class Correction(NamedTuple):
    """What a user says an item really was."""

    major_category: str
    middle_category: str
    minor_category: str
    comment: str


def _millis(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
