"""Sessions that were ended before their tokens ran out, as this process knows them.

Compact, because there may be many: a session is the 16 bytes of its UUID, and expiry times are
rounded up to the hour, so that equal ones are one object. 100,000 sessions take 11 MiB.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from edge.authz import metrics

HOUR_SECONDS: Final = 3600


class RevokedSessions:
    """What the topic has said so far, and how recent that is.

    `max_staleness_seconds` is how long decisions may be made on it after it was last known to be
    complete. At most `capacity` sessions are remembered; beyond it the oldest are dropped, whose
    access tokens are the likeliest to have run out.
    """

    def __init__(
        self,
        capacity: int,
        max_staleness_seconds: float,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._capacity = capacity
        self._max_staleness_seconds = max_staleness_seconds
        self._clock = clock
        self._monotonic = monotonic
        self._expiry: dict[bytes, int] = {}
        self._hours: dict[int, int] = {}
        self._complete_at: float | None = None
        self._trusted_until = float("-inf")

    def __len__(self) -> int:
        return len(self._expiry)

    def revoke(self, session: bytes, expires_at: float) -> None:
        """Refuse a session until its last token has run out (epoch seconds)."""
        hour = -int(-expires_at // HOUR_SECONDS)
        known = self._expiry.get(session)
        if known is not None and known >= hour:
            return
        if hour * HOUR_SECONDS <= self._clock():
            return
        if known is None and len(self._expiry) >= self._capacity:
            self._make_room()
        self._expiry[session] = self._hours.setdefault(hour, hour)

    def _make_room(self) -> None:
        """Drop what has run out, else the oldest."""
        self.prune()
        if len(self._expiry) >= self._capacity:
            del self._expiry[next(iter(self._expiry))]
            metrics.REVOCATIONS_DROPPED.inc()

    def prune(self) -> int:
        """Forget sessions whose tokens have run out; how many those were."""
        hour = int(self._clock() // HOUR_SECONDS)
        over = [session for session, expiry in self._expiry.items() if expiry <= hour]
        for session in over:
            del self._expiry[session]
        if over:
            self._hours = {known: known for known in self._hours if known > hour}
        return len(over)

    def complete(self, at: float) -> None:
        """Everything the topic held at a monotonic time is known."""
        if self._complete_at is None or at > self._complete_at:
            self._complete_at = at
            self._trusted_until = at + self._max_staleness_seconds

    @property
    def caught_up(self) -> bool:
        """Whether it was complete once."""
        return self._complete_at is not None

    def staleness(self) -> float:
        """Seconds since it was complete; infinite before it ever was."""
        if self._complete_at is None:
            return float("inf")
        return max(0.0, self._monotonic() - self._complete_at)

    def trusted(self) -> bool:
        """Whether it is recent enough to let anybody pass on it."""
        return self._monotonic() < self._trusted_until

    def revoked(self, session: bytes) -> bool:
        """Whether a session, by the bytes of its UUID, has been ended."""
        return session in self._expiry
