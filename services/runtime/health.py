"""Health of a process: readiness from dependencies, liveness from the event loop alone.

gRPC health (grpc.health.v1) answers for each service and for the whole server (""); over HTTP the
metrics port answers ``/health/ready``, ``/health/live`` and ``/metrics``.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence
from typing import Any

import grpc.aio
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1._async import HealthServicer
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, Gauge, generate_latest

from services.runtime import logs
from services.runtime.component import Check, Component

log = logs.get(__name__)

STARTING_EVERY_SECONDS = 0.05
READY_EVERY_SECONDS = 2.0
CHECK_SECONDS = 3.0
LIVE_LAG_SECONDS = 5.0
"""An event loop that is this late is stuck; a restart is the better answer."""

LOOP_LAG = Gauge("eco2_event_loop_lag_seconds", "How late the event loop last woke up.")
READY = Gauge("eco2_dependency_ready", "1 when a dependency's check passes.", ["dependency"])

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


class Health:
    """Runs the checks and tells whoever asks."""

    def __init__(self, components: Sequence[Component]) -> None:
        self._components = components
        self._servicer = HealthServicer()
        self._failing: dict[str, str] = {"start": "not checked yet"}
        self._was_ready: dict[str, bool] = {}
        self._draining = False
        self._beat = time.monotonic()
        self.service_names = (health_pb2.DESCRIPTOR.services_by_name["Health"].full_name,)

    @property
    def ready(self) -> bool:
        """Whether every check passed last time."""
        return not self._failing and not self._draining

    def add_to(self, server: grpc.aio.Server) -> None:
        """Serve grpc.health.v1 on a server."""
        health_pb2_grpc.add_HealthServicer_to_server(self._servicer, server)

    async def follow(self) -> None:
        """Check for ever: often until ready, then every few seconds."""
        await self._publish()
        while True:
            await self._check_all()
            interval = READY_EVERY_SECONDS if self.ready else STARTING_EVERY_SECONDS
            asked = time.monotonic()
            await asyncio.sleep(interval)
            self._beat = time.monotonic()
            LOOP_LAG.set(max(0.0, self._beat - asked - interval))

    async def drain(self) -> None:
        """Say NOT_SERVING from now on."""
        self._draining = True
        await self._publish()

    async def _check_all(self) -> None:
        names = [(c, name) for c in self._components for name in c.checks]
        results = await asyncio.gather(
            *(_in_time(c.checks[name]) for c, name in names),
            return_exceptions=True,
        )
        failing: dict[str, str] = {}
        for (component, name), result in zip(names, results, strict=True):
            READY.labels(f"{component.name}:{name}").set(0 if result is not None else 1)
            if isinstance(result, BaseException):
                failing[f"{component.name}:{name}"] = f"{type(result).__name__}: {result}"
        if failing.keys() != self._failing.keys():
            log.info("readiness changed", failing=sorted(failing))
        self._failing = failing
        await self._publish()

    async def _publish(self) -> None:
        states = {"": self.ready}
        for component in self._components:
            fine = not self._draining and not any(
                name.startswith(f"{component.name}:") or name == "start" for name in self._failing
            )
            states |= {service.full_name: fine for service in component.services}
        for service, fine in states.items():
            if self._was_ready.get(service) != fine:
                self._was_ready[service] = fine
                await self._servicer.set(service, SERVING if fine else NOT_SERVING)

    async def app(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """ASGI application of the metrics port."""
        path = scope.get("path")
        if path == "/metrics":
            body, kind, status = generate_latest(REGISTRY), CONTENT_TYPE_LATEST, 200
        elif path == "/health/ready":
            document = {"status": "ready" if self.ready else "not ready", "failing": self._failing}
            body, kind = json.dumps(document).encode(), "application/json"
            status = 200 if self.ready else 503
        elif path == "/health/live":
            late = time.monotonic() - self._beat > LIVE_LAG_SECONDS + READY_EVERY_SECONDS
            body, kind = (
                json.dumps({"status": "stuck" if late else "live"}).encode(),
                "application/json",
            )
            status = 503 if late else 200
        else:
            body, kind, status = b'{"status":"not found"}', "application/json", 404
        headers = [(b"content-type", kind.encode()), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


async def _in_time(check: Check) -> None:
    """Make a check; what it raises, TimeoutError when it takes too long."""
    async with asyncio.timeout(CHECK_SECONDS):
        await check()
