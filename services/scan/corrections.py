"""What users say an item really was, brought into the words of the taxonomy. Pure."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Final

from eco2.pipeline.v1 import scan_corrected_pb2
from eco2.scan.v1 import scan_service_pb2

from services.runtime.outbox import Message
from services.scan import refusals
from services.scan.job import Correction
from streaming.kafka.topics import SCAN_CORRECTED
from streaming.knowledge import Knowledge

MAX_LABEL: Final = 64
"""Longest label in characters; the longest of the taxonomy has 27."""


def correction_of(
    request: scan_service_pb2.SubmitCorrectionRequest, knowledge: Knowledge
) -> Correction:
    """The correction a request makes; DomainError VALIDATION_FAILED when it says nothing usable.

    The major has to be one of the taxonomy. Middle and minor may be words of the user's own: that
    a thing is missing from the taxonomy is worth knowing.
    """
    labels = request.classification
    texts = {
        "major_category": labels.major_category,
        "middle_category": labels.middle_category,
        "minor_category": labels.minor_category,
    }
    cleaned: dict[str, str] = {}
    for field, text in texts.items():
        cleaned[field] = text.replace("\0", "").strip()
        if len(cleaned[field]) > MAX_LABEL:
            raise refusals.invalid(
                f"classification.{field}", f"must be at most {MAX_LABEL} characters"
            )
    majors = {knowledge.fold(major.name): major.name for major in knowledge.taxonomy.majors}
    major = majors.get(knowledge.fold(cleaned["major_category"]))
    if major is None:
        raise refusals.invalid("classification.major_category", "is not in the taxonomy")
    return Correction(
        major,
        cleaned["middle_category"],
        cleaned["minor_category"],
        request.comment.replace("\0", "").strip(),
    )


def corrected(user_id: uuid.UUID, job_id: uuid.UUID, at: datetime) -> Message:
    """The fact that a scan was corrected for the first time."""
    fact = scan_corrected_pb2.ScanCorrected(user_id=str(user_id), job_id=str(job_id))
    fact.corrected_at.FromDatetime(at)
    return Message(SCAN_CORRECTED.name, str(user_id), fact.SerializeToString())
