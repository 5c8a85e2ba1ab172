"""Prometheus metrics of the bridge; names as the dashboards know them (``sse_gateway_*``)."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

ACTIVE = Gauge("sse_gateway_connections_active", "Streams open now.", ["face"])
OPENED = Counter("sse_gateway_connections_opened_total", "Streams opened.", ["face"])
CLOSED = Counter(
    "sse_gateway_connections_closed_total",
    "Streams ended: done, failed, timeout, disconnect or drain.",
    ["face", "reason"],
)
REFUSED = Counter("sse_gateway_connections_refused_total", "Streams refused.", ["reason"])
DURATION = Histogram(
    "sse_gateway_connection_duration_seconds",
    "Life of a stream.",
    buckets=(0.1, 0.5, 1, 2.5, 5, 10, 15, 20, 30, 60, 120, 300, 600),
)
TTFB = Histogram(
    "sse_gateway_ttfb_seconds",
    "From the request to the first event.",
    buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
DISTRIBUTED = Counter("sse_gateway_events_distributed_total", "Events given to streams.")
REFILLED = Counter(
    "sse_gateway_queue_refilled_total", "Streams that fell behind and went on by replay."
)
REPLAYED = Counter("sse_gateway_events_replayed_total", "Events served from the jobs' streams.")
GAPS = Counter("sse_gateway_gaps_total", "Times a stream noticed that it had missed an event.")
SNAPSHOT_HITS = Counter("sse_gateway_state_snapshot_hits_total", "Jobs found in Redis.")
SNAPSHOT_MISSES = Counter("sse_gateway_state_snapshot_misses_total", "Jobs Redis did not know.")
LATENCY = Histogram(
    "sse_gateway_write_latency_seconds",
    "From the publishing of an event to its writing to the client.",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)
FALLBACKS = Counter(
    "sse_gateway_job_lookups_total", "Questions to a job's own domain, by outcome.", ["outcome"]
)
