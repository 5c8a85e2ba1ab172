"""Settings of the scan service."""

from __future__ import annotations

from pydantic import Field

from services.runtime.settings import RuntimeSettings


class ScanSettings(RuntimeSettings):
    """Budgets of a submission, deadline of a job, times of the sweeper."""

    job_deadline_seconds: float = Field(default=900.0, gt=0)
    """A job that has not ended so long after its submission is failed; long enough for a
    backlog or an outage of the model, which are no failures."""

    inspect_seconds: float = Field(default=4.0, gt=0)
    """Budget of asking the images service about the photo."""

    announce_seconds: float = Field(default=1.0, gt=0)
    """Budget of each of the two things that follow the commit: the `queued` event, the record."""

    broker_pause_seconds: float = Field(default=5.0, ge=0)
    """When records can't be sent, submissions leave sending to the sweeper for so long, instead of
    each waiting for its budget to run out."""

    dispatch_flush_seconds: float = Field(default=0.2, gt=0)
    """Acknowledged jobs are marked together, so often."""

    resend_after_seconds: float = Field(default=5.0, ge=0)
    """Age at which a job whose record was never acknowledged is sent by the sweeper; above what a
    submission itself takes (announce_seconds + dispatch_flush_seconds)."""

    scan_sweep_seconds: float = Field(default=2.0, gt=0)
    """Pause between two passes of the sweeper."""

    scan_sweep_batch: int = Field(default=500, ge=1)
    """Jobs that the sweeper takes at a time."""

    idempotency_seconds: float = Field(default=3600.0, gt=0)
    """How long an idempotency key is remembered."""

    scan_submits_per_minute: int = Field(default=60, ge=0)
    """Submissions of one user in any 60 s; one more is refused with 429. 0: no limit."""
