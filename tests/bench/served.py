"""One domain as a process of its own, as ``eco2 serve`` runs it, for benchmarks of its RPCs."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TypeVar

import grpc.aio

from tests.bench import pace
from tests.bench.scan_service import SERVE
from tests.ready import is_ready
from tests.wait import until

R = TypeVar("R")


@asynccontextmanager
async def served(
    domain: str, environ: Mapping[str, str]
) -> AsyncIterator[tuple[grpc.aio.Channel, int]]:
    """A channel to the domain, once it is ready, and the id of its process."""
    child = subprocess.Popen(  # noqa: ASYNC220 - before anything is measured
        [sys.executable, "-c", SERVE, domain, "metrics_serve"],
        env={**os.environ, "PYTHONPATH": ".:gen/python", "ECO2_LOG_LEVEL": "ERROR", **environ},
    )
    port = environ[f"ECO2_PORT_{domain.upper()}"]
    channel = grpc.aio.insecure_channel(f"127.0.0.1:{port}")
    try:
        metrics_port = int(environ["ECO2_PORT_METRICS_SERVE"])
        await until(lambda: is_ready(metrics_port), within_seconds=30)
        yield channel, child.pid
    finally:
        await channel.close(None)
        child.terminate()
        child.wait(15)


async def at_rate(
    ask: Callable[[R], Awaitable[object]], requests: Sequence[R], per_second: float
) -> list[float]:
    """Make each request at its own time, whatever the others do; milliseconds from then."""
    took: list[float] = []
    running: list[asyncio.Task[None]] = []

    async def one(request: R, due: float) -> None:
        await ask(request)
        took.append((time.perf_counter() - due) * 1000)

    def start(number: int, due: float) -> None:
        running.append(asyncio.create_task(one(requests[number], due)))

    await pace.at_rate(start, len(requests), per_second)
    await asyncio.gather(*running)
    return took
