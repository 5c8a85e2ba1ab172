"""Completing jobs: which rules belong into the document, and storing it once."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from eco2.scan.v1 import scan_pb2

from services.scan import document
from services.scan.job import Job
from services.scan.store import JobStore
from streaming.knowledge import Knowledge


class Completion:
    """Renders and stores results."""

    def __init__(self, store: JobStore, knowledge: Knowledge) -> None:
        self._store = store
        self._knowledge = knowledge

    async def complete(self, job_id: uuid.UUID, result: scan_pb2.ScanResult) -> Job | None:
        """The job with its result, or as it had ended before; None when there is none.

        Nearly every job is under the national rules, so the document is rendered with those and
        stored on that condition; only a job of a municipality needs a second look.
        """
        done = await self._store_result(job_id, "", result)
        if done is not None:
            return done
        job = await self._store.get(job_id)
        if job is None or job.status.is_terminal:
            return job
        return await self._store_result(job_id, job.municipality, result) or await self._store.get(
            job_id
        )

    async def _store_result(
        self, job_id: uuid.UUID, municipality: str, result: scan_pb2.ScanResult
    ) -> Job | None:
        rules = self._rules(result, municipality)
        text = document.completed(str(job_id), result, rules)
        return await self._store.complete(job_id, municipality, result, text)

    def _rules(self, result: scan_pb2.ScanResult, municipality: str) -> Mapping[str, Any] | None:
        """The disposal rules a result rests on, with the municipality's changes; None if none."""
        rules = self._knowledge.documents.get(result.rule_document_id)
        if rules is None:
            return None
        if municipality:
            labels = result.classification
            local = self._knowledge.rule_for(
                labels.major_category, labels.middle_category, municipality
            )
            if local is not None and local.id == rules.id:
                rules = local
        return rules.as_dict()
