"""What the stages do, for Prometheus."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from prometheus_client import Counter, Histogram

JOBS: Final = Counter("pipeline_stage_total", "Jobs by stage and outcome.", ["stage", "outcome"])
"""`outcome`: ``done``, ``resumed`` (from a checkpoint), ``over`` (nothing left to do), ``fenced``,
``retried``, ``failed``."""


@lru_cache(maxsize=64)
def jobs(stage: str, outcome: str) -> Counter:
    """The series of a stage and outcome; finding it costs more than counting."""
    return JOBS.labels(stage, outcome)


SECONDS: Final = Histogram(
    "pipeline_stage_seconds",
    "Time of a stage from its lease to its hand-over.",
    ["stage"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 2, 4, 6, 8, 10, 15, 30, 60, 120, 900),
)

REWARDS: Final = Counter(
    "pipeline_rewards_total", "Completed scans by what they earned.", ["outcome"]
)
"""`outcome`: ``granted``, ``none``, ``unavailable``."""
