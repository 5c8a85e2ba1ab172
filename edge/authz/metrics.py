"""Metrics of ext-authz; the names are those the dashboards of the service it replaces use."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator
from typing import Final

from prometheus_client import REGISTRY, Counter, Gauge, Histogram
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

BOUNDS_SECONDS: Final = (1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 5e-3, 2.5e-2, 0.1, 0.5, 2.0)


class Decisions(Collector):
    """Decisions by result and reason, and the time they took, counted in plain numbers.

    The library's counters and histograms lock and look up; two of them cost 3 µs a request, as much
    as deciding. The event loop is the only one that writes here.
    """

    def __init__(self) -> None:
        self._counts: defaultdict[tuple[str, str], int] = defaultdict(int)
        self._buckets = {
            result: [0] * (len(BOUNDS_SECONDS) + 1) for result in ("allow", "deny", "dry_run")
        }
        self._sums = dict.fromkeys(self._buckets, 0.0)

    def note(self, result: str, reason: str, seconds: float) -> None:
        """Count a decision: "allow", "deny" or "dry_run" (would have been refused)."""
        self._counts[result, reason] += 1
        self._buckets[result][bisect_left(BOUNDS_SECONDS, seconds)] += 1
        self._sums[result] += seconds

    def collect(self) -> Iterator[Metric]:
        """The families, for a scrape."""
        requests = CounterMetricFamily(
            "ext_authz_requests", "Decisions by result and reason.", labels=("result", "reason")
        )
        for (result, reason), count in self._counts.copy().items():
            requests.add_metric((result, reason), count)
        yield requests
        seconds = HistogramMetricFamily(
            "ext_authz_request_duration_seconds", "Time to decide.", labels=("result",)
        )
        for result, counts in self._buckets.items():
            total = 0
            buckets = []
            for bound, count in zip((*map(str, BOUNDS_SECONDS), "+Inf"), counts, strict=True):
                total += count
                buckets.append((bound, float(total)))
            seconds.add_metric((result,), buckets, self._sums[result])
        yield seconds


DECISIONS: Final = Decisions()
REGISTRY.register(DECISIONS)

VERIFY_SECONDS: Final = Histogram(
    "ext_authz_jwt_verify_duration_seconds",
    "Time to verify a token that was not in the cache.",
    buckets=(2.5e-5, 5e-5, 1e-4, 2e-4, 4e-4, 8e-4, 2e-3, 1e-2),
)
WAITING: Final = Gauge(
    "ext_authz_requests_in_flight",
    "Decisions waiting for a signing key; every other one is made at once.",
)
ERRORS: Final = Counter(
    "ext_authz_errors_total", "Decisions that could not be made, by type.", ["type"]
)
CONNECTIONS: Final = Gauge("ext_authz_http_connections", "Connections of the edge, HTTP wire.")
TOKENS: Final = Gauge("ext_authz_token_cache_size", "Verified tokens remembered.")

REVOKED: Final = Counter("ext_authz_blacklist_hits_total", "Tokens refused as revoked.")
REVOCATIONS: Final = Gauge("ext_authz_blacklist_cache_size", "Revoked sessions remembered.")
REVOCATIONS_DROPPED: Final = Counter(
    "ext_authz_blacklist_cache_dropped_total",
    "Revoked sessions forgotten before their time because there were too many.",
)
CATCH_UP_SECONDS: Final = Gauge(
    "ext_authz_blacklist_cache_catch_up_seconds",
    "Time from the start of the process's first reading until everything was known.",
)
STALENESS: Final = Gauge(
    "ext_authz_revocation_staleness_seconds",
    "Time since the revocations were last known to be complete; +Inf before the first time.",
)
CONNECTED: Final = Gauge("ext_authz_mq_connected", "1 while the revocations are being read.")
RECONNECTS: Final = Counter("ext_authz_mq_reconnects_total", "Times reading began anew.")
EVENTS: Final = Counter("ext_authz_mq_events_total", "Revocations read, by result.", ["result"])
