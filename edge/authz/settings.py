"""Settings of ext-authz."""

from __future__ import annotations

from pydantic import Field

from streaming.kafka.settings import KafkaSettings


class AuthzSettings(KafkaSettings):
    """What ext-authz needs to know."""

    authz_token_cache_size: int = Field(default=100_000, ge=1)
    """Verified tokens remembered; one takes about 0.2 KiB."""

    authz_budget_seconds: float = Field(default=2.0, gt=0)
    """What a decision may take, the edge's time-out: one that took longer is a refusal (503)."""

    authz_dry_run: bool = False
    """Refuse nobody for want of a valid token: such requests are counted and logged, and pass
    without an identity, as on a public route, so that services refuse what needs one. For trying
    out new rules or keys; routes that are unknown or internal stay closed."""

    authz_revocations_capacity: int = Field(default=1_000_000, ge=1)
    """Revoked sessions remembered; one takes about 0.12 KiB. Beyond it the oldest are forgotten."""

    authz_max_staleness_seconds: float = Field(default=600.0, gt=0)
    """How long revocations that can't be read (brokers away) are relied on; after that sessions get
    503."""

    authz_keys_refresh_seconds: float = Field(default=60.0, gt=0)
    """How often the signing keys are fetched again."""

    authz_keys_retry_seconds: float = Field(default=1.0, gt=0)
    """Pause after a fetch that failed."""

    authz_keys_unknown_seconds: float = Field(default=5.0, ge=0)
    """Least time between two fetches made because a token named an unknown key."""

    authz_keys_timeout_seconds: float = Field(default=2.0, gt=0)
    """Time limit of one fetch; shorter than what the edge waits for a decision is of no use to
    the request that asked, but the next ones find the keys."""
