"""Settings of the scan pipeline: time budgets, leases and how much is in flight."""

from __future__ import annotations

from pydantic import Field

from services.runtime.settings import RuntimeSettings


class PipelineSettings(RuntimeSettings):
    """What the stages read from the environment."""

    stage_vision_seconds: float = Field(default=60.0, gt=0)
    """Work time of one attempt of the vision stage; waiting for a model that is down or for quota
    is not counted."""

    stage_rule_seconds: float = Field(default=1.0, gt=0)
    """Time of one attempt of the rule stage."""

    stage_answer_seconds: float = Field(default=60.0, gt=0)
    """Work time of one attempt of the answer stage, as for vision."""

    stage_reward_seconds: float = Field(default=10.0, gt=0)
    """Time of one attempt of the reward stage."""

    stage_lease_seconds: float = Field(default=12.0, gt=0)
    """Life of a stage's lease, renewed at half time: after kill −9 the next worker goes on when it
    has run out. Just above a Kafka session time-out of 10 s, so it hardly ever waits."""

    stage_in_flight: int = Field(default=400, ge=1)
    """Jobs a process works on at once in each of the stages that ask a model. At calls of 4.5 s
    and 6.7 s (the means of the app's first backend) that is 88 and 59 jobs a second."""

    stage_quick_in_flight: int = Field(default=64, ge=1)
    """The same for the stages that don't."""

    stage_redis_patience_seconds: float = Field(default=5.0, ge=0)
    """How long a stage waits for Redis, before it works without lease and progress, and before it
    hands a job on without having told."""

    job_seconds: float = Field(default=900.0, gt=0)
    """Age at which a job without a deadline of its own is given up."""

    image_max_bytes: int = Field(default=10 * 1024 * 1024, gt=0)
    """Largest photo that is read for a model that wants the bytes."""

    reward_enabled: bool = True
    """Whether scans earn characters."""

    catalogue_seconds: float = Field(default=5.0, ge=0)
    """Age up to which an answer of the character service is used again: how long a change of the
    catalogue takes to reach the scans."""
