"""Metrics of ext-authz; the names are those the dashboards of the service it replaces use."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Final

from prometheus_client import REGISTRY, Counter, Gauge, Histogram
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from services.runtime.durations import Durations

BOUNDS_SECONDS: Final = (1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 5e-3, 2.5e-2, 0.1, 0.5, 2.0)


class Decisions(Collector):
    """Decisions by result and reason, and the time they took, in plain numbers: two metrics of the
    library would take as long as deciding.
    """

    def __init__(self) -> None:
        self._counts: defaultdict[tuple[str, str], int] = defaultdict(int)
        self._seconds = {
            result: Durations(BOUNDS_SECONDS) for result in ("allow", "deny", "dry_run")
        }

    def note(self, result: str, reason: str, seconds: float) -> None:
        """Count a decision: "allow", "deny" or "dry_run" (would have been refused)."""
        self._counts[result, reason] += 1
        self._seconds[result].note(seconds)

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
        for result, noted in self._seconds.items():
            seconds.add_metric((result,), noted.buckets(), noted.total_seconds)
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
