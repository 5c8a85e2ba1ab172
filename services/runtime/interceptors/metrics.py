"""Counts and times every call by method and code."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import grpc
import grpc.aio
from prometheus_client import Counter, Gauge, Histogram

from services.runtime.interceptors.method import Call, Method

HANDLED = Counter(
    "grpc_server_handled_total", "Calls ended.", ["grpc_service", "grpc_method", "grpc_code"]
)
SECONDS = Histogram(
    "grpc_server_handling_seconds",
    "Time to serve a call.",
    ["grpc_service", "grpc_method"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0),
)
IN_FLIGHT = Gauge("grpc_server_in_flight", "Calls being served.", ["grpc_service"])


def metrics(method: Method, call: Call) -> Call:
    """The layer."""
    seconds = SECONDS.labels(method.service, method.name)
    in_flight = IN_FLIGHT.labels(method.service)
    ok = HANDLED.labels(method.service, method.name, grpc.StatusCode.OK.name)

    async def measured(request: Any, context: Any) -> Any:
        started = time.perf_counter()
        in_flight.inc()
        try:
            response = await call(request, context)
        except BaseException as fault:
            HANDLED.labels(method.service, method.name, _code_of(fault, context)).inc()
            raise
        else:
            ok.inc()
            return response
        finally:
            in_flight.dec()
            seconds.observe(time.perf_counter() - started)

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
