"""Settings of the progress bridge."""

from __future__ import annotations

from pydantic import Field

from services.runtime.settings import RuntimeSettings


class ProgressSettings(RuntimeSettings):
    """What the SSE bridge and WatchJob can be told."""

    progress_keepalive_seconds: float = Field(default=15.0, gt=0)
    """Silence after which a ``keepalive`` event is sent, and the distance of comment pings
    (docs/app.md, "Event streams"). The app's watchdog expects something within 60 s."""

    progress_connection_seconds: float = Field(default=300.0, gt=0)
    """Longest life of an SSE connection; then ``error`` with ``timeout``."""

    progress_reconnect_ms: int = Field(default=3000, ge=0)
    """The ``retry:`` a browser gets: how long it waits before it reconnects."""

    progress_queue_events: int = Field(default=256, ge=1)
    """Events kept for a client that reads slowly, before it is served by replay instead."""

    progress_streams_per_user: int = Field(default=16, ge=1)
    """Streams a user may have open at a time in one process; one more is refused with 429."""

    progress_idle_check_seconds: float = Field(default=30.0, gt=0)
    """Silence after which the job's own domain is asked whether the job has ended unheard."""

    progress_job_poll_seconds: float = Field(default=2.0, gt=0)
    """How often the domain is asked about a running job that Redis has lost."""

    progress_job_polls_per_second: float = Field(default=200.0, gt=0)
    """Bound on all such questions together."""
