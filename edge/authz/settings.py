"""Settings of ext-authz."""

from __future__ import annotations

from pydantic import Field

from services.runtime.settings import RuntimeSettings


class AuthzSettings(RuntimeSettings):
    """What ext-authz needs to know."""

    authz_token_cache_size: int = Field(default=50_000, ge=1)
    """Verified tokens remembered; one takes about 0.6 KiB."""

    authz_keys_refresh_seconds: float = Field(default=60.0, gt=0)
    """How often the signing keys are fetched again."""

    authz_keys_retry_seconds: float = Field(default=1.0, gt=0)
    """Pause after a fetch that failed."""

    authz_keys_unknown_seconds: float = Field(default=5.0, ge=0)
    """Least time between two fetches made because a token named an unknown key."""

    authz_keys_timeout_seconds: float = Field(default=2.0, gt=0)
    """Time limit of one fetch; shorter than what the edge waits for a decision is of no use to
    the request that asked, but the next ones find the keys."""
