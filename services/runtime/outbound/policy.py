"""How one external service is called."""

from __future__ import annotations

import random
from dataclasses import dataclass

MAX_BACKOFF_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Limits and patience of the calls to one service, stated once where its adapter is."""

    name: str
    """Name of the service in metrics, logs and errors, for example ``kakao``."""

    timeout_seconds: float = 5.0
    """Of one attempt, from connecting to the last byte."""

    attempts: int = 2
    """Of a call that may be repeated; only calls that say so are (reads are by default)."""

    backoff_seconds: float = 0.2
    """Before the second attempt at the most, twice that before the third and so on; what is waited
    is drawn evenly from nothing to that (full jitter)."""

    retry_after_max_seconds: float = 2.0
    """Longest ``Retry-After`` that is waited out; with a longer one the call fails at once."""

    max_bytes: int = 1_000_000
    """Largest body that is read."""

    concurrent: int = 16
    """Attempts under way at once in a process; others wait, within their own time-out."""

    cache_seconds: float = 0.0
    """How long a good answer of a read is used again; 0: never."""

    cache_bytes: int = 4_000_000
    """Bodies kept for that at the most; the least recently used ones go first."""

    breaker_failures: int = 5
    """Failures among the latest calls that make the breaker open; 0: no breaker (a client for many
    hosts, where one says nothing of another)."""

    breaker_window: int = 10
    """How many calls those latest ones are."""

    breaker_open_seconds: float = 30.0
    """Pause before one call is let through to see."""

    public_only: bool = False
    """For URLs that come from strangers: only http(s) on the usual ports of public addresses, after
    name resolution and on every redirect."""

    also_allowed: tuple[str, ...] = ()
    """Networks that `public_only` lets through as well, on any port (a test's loopback)."""

    max_redirects: int = 0
    """Redirects that are followed."""

    def backoff(self, attempt: int, chance: random.Random) -> float:
        """Seconds to wait after the `attempt`-th one failed (from 1)."""
        ceiling: float = min(MAX_BACKOFF_SECONDS, self.backoff_seconds * 2 ** (attempt - 1))
        return chance.uniform(0, ceiling)
