"""Metrics of ext-authz; the names are those the dashboards of the service it replaces use."""

from __future__ import annotations

from typing import Final

from prometheus_client import Counter, Gauge, Histogram

REQUESTS: Final = Counter(
    "ext_authz_requests_total", "Decisions by result and reason.", ["result", "reason"]
)
REQUEST_SECONDS: Final = Histogram(
    "ext_authz_request_duration_seconds",
    "Time to decide.",
    ["result"],
    buckets=(1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 5e-3, 2.5e-2, 0.1, 0.5, 2.0),
)
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
REVOKED: Final = Counter("ext_authz_blacklist_hits_total", "Tokens refused as revoked.")
