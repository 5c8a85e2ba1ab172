"""Calls are counted and timed as Prometheus' own metrics would."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import grpc
import grpc.aio
import pytest
from prometheus_client import CollectorRegistry, Histogram

from services.runtime.durations import Durations
from services.runtime.interceptors.method import Call, method_of
from services.runtime.interceptors.metrics import ALL_CALLS, metrics

METHOD = method_of("/eco2.test.v1.Counted/Call")
LABELS = {"grpc_service": "eco2.test.v1.Counted"}


def sample(name: str, **labels: str) -> float | None:
    found = CollectorRegistry()
    found.register(ALL_CALLS)
    return found.get_sample_value(name, {**LABELS, **labels})


class Context:
    def code(self) -> grpc.StatusCode:
        return grpc.StatusCode.NOT_FOUND


def counted(behaviour: Call) -> Call:
    return metrics(METHOD, behaviour)


async def test_calls_are_counted_by_their_code_and_while_they_last() -> None:
    async def served(request: Any, context: Any) -> Any:
        assert sample("grpc_server_in_flight") == 1
        if isinstance(request, BaseException):
            raise request
        return request

    call, context = counted(served), cast(Any, Context())
    assert sample("grpc_server_handled_total", grpc_method="Call", grpc_code="OK") == 0
    assert await call("answer", context) == "answer"
    with pytest.raises(grpc.aio.AbortError):
        await call(grpc.aio.AbortError(), context)
    with pytest.raises(asyncio.CancelledError):
        await call(asyncio.CancelledError(), context)
    for code in ("OK", "NOT_FOUND", "CANCELLED"):
        assert sample("grpc_server_handled_total", grpc_method="Call", grpc_code=code) == 1
    assert sample("grpc_server_handling_seconds_count", grpc_method="Call") == 3
    assert sample("grpc_server_in_flight") == 0


def test_durations_are_counted_in_the_buckets_of_a_histogram() -> None:
    bounds, registry = (0.001, 0.5, 2.0), CollectorRegistry()
    theirs, ours = Histogram("t", "t", buckets=bounds, registry=registry), Durations(bounds)
    for seconds in (0.0, 0.001, 0.0011, 0.5, 1.9, 2.0, 70.0):
        theirs.observe(seconds)
        ours.note(seconds)
    assert dict(ours.buckets()) == {
        sample.labels["le"]: sample.value
        for family in registry.collect()
        for sample in family.samples
        if sample.name == "t_bucket"
    }
    assert ours.total_seconds == registry.get_sample_value("t_sum")
