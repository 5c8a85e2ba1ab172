"""Telling watchers that a job has ended without a result."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Iterable

from services.runtime import logs
from streaming.progress import stages
from streaming.progress.event import ProgressEvent
from streaming.progress.publisher import ProgressPublisher
from streaming.progress.scripts import ProgressUnavailable

log = logs.get(__name__)


class Endings:
    """Publishes the last event of jobs that a domain itself ends.

    Best effort: when Redis is away, watchers that come back learn the end from the domain.
    """

    def __init__(
        self, publisher: ProgressPublisher, domain: stages.Domain, *, budget_seconds: float
    ) -> None:
        self._publisher = publisher
        self._domain = domain
        self._budget_seconds = budget_seconds

    async def publish(self, job_ids: Iterable[uuid.UUID], message_ko: str) -> None:
        """Publish ``done``/``failed`` with a text for the user. Never raises."""
        result = json.dumps({"error": message_ko}, ensure_ascii=False)
        events = [
            ProgressEvent(
                job_id=str(job_id),
                domain=self._domain,
                stage=stages.DONE,
                status=stages.FAILED,
                result=result,
                message=message_ko,
            )
            for job_id in job_ids
        ]
        try:
            async with asyncio.timeout(self._budget_seconds):
                await self._publisher.publish(*events)
        except (ProgressUnavailable, TimeoutError) as error:
            log.repeated("ends of jobs were not published", count=len(events), error=str(error))
