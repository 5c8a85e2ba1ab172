"""Prometheus metrics of consumers."""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Iterator
from typing import Final, Protocol

from prometheus_client import Counter, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import REGISTRY, Collector

RECORDS: Final = Counter(
    "eco2_kafka_records_total",
    "Records by what became of an attempt: handled, retried or dead",
    ["group", "topic", "outcome"],
)
SECONDS: Final = Histogram(
    "eco2_kafka_handling_seconds",
    "Time a handler took, failed attempts included",
    ["group", "topic"],
    buckets=(0.005, 0.02, 0.1, 0.5, 1, 2, 4, 6, 8, 10, 15, 30, 60),
)
COMMIT_FAILURES: Final = Counter(
    "eco2_kafka_commit_failures_total", "Commits that were refused or timed out", ["group"]
)
REBALANCES: Final = Counter("eco2_kafka_rebalances_total", "Assignments received", ["group"])


class Observed(Protocol):
    """What a runner tells when it is scraped."""

    group_id: str

    def in_flight(self) -> dict[str, int]:
        """Running handlers by topic."""

    def lag(self) -> dict[tuple[str, int], int]:
        """Records not committed yet by topic and partition."""


class _Scraped(Collector):
    """Gauges that cost nothing until somebody scrapes."""

    def __init__(self) -> None:
        self.runners: weakref.WeakSet[Observed] = weakref.WeakSet()

    def collect(self) -> Iterable[Metric]:
        """In flight and lag of every living runner."""
        in_flight = GaugeMetricFamily(
            "eco2_kafka_in_flight", "Handlers running now", labels=["group", "topic"]
        )
        lag = GaugeMetricFamily(
            "eco2_kafka_lag",
            "Records behind the end of a partition held by this process",
            labels=["group", "topic", "partition"],
        )
        for runner in list(self.runners):
            for topic, running in runner.in_flight().items():
                in_flight.add_metric([runner.group_id, topic], running)
            for (topic, partition), behind in runner.lag().items():
                lag.add_metric([runner.group_id, topic, str(partition)], behind)
        return in_flight, lag

    def describe(self) -> Iterator[Metric]:
        """Nothing up front: registering must not ask runners."""
        return iter(())


_SCRAPED: Final = _Scraped()
REGISTRY.register(_SCRAPED)


def observe(runner: Observed) -> None:
    """Have `runner` scraped until it is garbage."""
    _SCRAPED.runners.add(runner)


def ignore(runner: Observed) -> None:
    """Stop scraping `runner`."""
    _SCRAPED.runners.discard(runner)
