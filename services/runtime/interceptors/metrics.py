"""Counts and times every call by method and code."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

import grpc
import grpc.aio
from prometheus_client import REGISTRY
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from services.runtime.durations import Durations
from services.runtime.interceptors.method import Call, Method

OK: Final = grpc.StatusCode.OK.name
BOUNDS_SECONDS: Final = (1e-3, 2.5e-3, 5e-3, 1e-2, 2.5e-2, 5e-2, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


class Calls:
    """Calls of one method, in numbers."""

    __slots__ = ("ended", "in_flight", "seconds")

    def __init__(self) -> None:
        self.in_flight = 0
        self.ended: Counter[str] = Counter()
        """By name of the code."""
        self.seconds = Durations(BOUNDS_SECONDS)


class AllCalls(Collector):
    """Calls of every method of this process."""

    def __init__(self) -> None:
        self._methods: dict[tuple[str, str], Calls] = {}

    def of(self, method: Method) -> Calls:
        """Those of a method, the same whoever asks."""
        return self._methods.setdefault((method.service, method.name), Calls())

    def collect(self) -> Iterator[Metric]:
        """The families, for a scrape."""
        method = ("grpc_service", "grpc_method")
        handled = CounterMetricFamily(
            "grpc_server_handled", "Calls ended.", labels=(*method, "grpc_code")
        )
        seconds = HistogramMetricFamily(
            "grpc_server_handling_seconds", "Time to serve a call.", labels=method
        )
        in_flight: Counter[str] = Counter()
        for name, calls in [*self._methods.items()]:
            in_flight[name[0]] += calls.in_flight
            seconds.add_metric(name, calls.seconds.buckets(), calls.seconds.total_seconds)
            for code, count in [*calls.ended.items()]:
                handled.add_metric((*name, code), count)
        serving = GaugeMetricFamily(
            "grpc_server_in_flight", "Calls being served.", labels=method[:1]
        )
        for service, count in in_flight.items():
            serving.add_metric((service,), count)
        yield from (handled, seconds, serving)


ALL_CALLS: Final = AllCalls()
REGISTRY.register(ALL_CALLS)


def metrics(method: Method, call: Call) -> Call:
    """The layer."""
    calls = ALL_CALLS.of(method)
    ended, note, clock = calls.ended, calls.seconds.note, time.perf_counter
    ended[OK] += 0  # there from the start

    async def measured(request: Any, context: Any) -> Any:
        started = clock()
        calls.in_flight += 1
        code = OK
        try:
            return await call(request, context)
        except BaseException as fault:
            code = _code_of(fault, context)
            raise
        finally:
            calls.in_flight -= 1
            ended[code] += 1
            note(clock() - started)

    return measured


def _code_of(fault: BaseException, context: Any) -> str:
    """Name of the status a failed call ended with."""
    if isinstance(fault, asyncio.CancelledError):
        return grpc.StatusCode.CANCELLED.name
    code = context.code()
    if isinstance(code, grpc.StatusCode):
        return code.name
    known = next((status for status in grpc.StatusCode if status.value[0] == code), None)
    return known.name if known is not None else grpc.StatusCode.UNKNOWN.name
